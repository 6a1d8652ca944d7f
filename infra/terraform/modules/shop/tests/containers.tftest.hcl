# Services in containers and functions beside each other: orders on ECS, products on EKS, payments on Lambda.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  inputs       = jsondecode(file("./tests/fixture/containers.json"))
  document     = jsondecode(file("./tests/fixture/openapi-containers.json"))
  packages_dir = "./tests/fixture"
  place        = { partition = "aws", region = "eu-west-1", account = "123456789012" }
  network      = { zones = ["eu-west-1a", "eu-west-1b"] }
  kubernetes   = { version = "1.33" }
  image_tags   = { order-service = "1a2b3c4", product-service = "1a2b3c4", gateway = "1a2b3c4" }
}

run "a_mixed_shop" {
  assert {
    condition     = jsonencode(output.containers.services) == jsonencode({ ecs = ["order-service"], eks = ["product-service"] })
    error_message = "Each service runs where its runtime says."
  }
  assert {
    condition     = toset(output.functions) == toset(["payment-service", "payment-service-events", "gateway", "authorizer"]) && toset(output.tables) == toset(["Payments"]) && toset(output.queues) == toset(["orders-stock-reserved"])
    error_message = "A service in containers has neither functions nor tables; its queues and topics stay."
  }
  assert {
    condition     = toset(output.secrets) == toset(["souk/orders/key", "souk/products/key", "souk/payments/key", "souk/orders/database", "souk/products/database", "souk/passwords/shop"])
    error_message = "A service in containers has a secret for its database, and the instance one for all passwords."
  }
  assert {
    condition     = [for statement in local.statements["order-service"] : statement.Sid] == ["Publishes", "Hears", "BusKey"] && local.statements["order-service"][0].Resource == ["arn:aws:sns:eu-west-1:123456789012:order-created"]
    error_message = "A container's role has the permissions of its inputs, and no other."
  }
  assert {
    condition     = length(setsubtract(["souk-order-service-faults", "souk-product-service-unready", "souk-load-balancer-errors", "souk-souk-database-cpu", "souk-souk-database-storage", "souk-orders-stock-reserved-age"], module.alarms.names)) == 0
    error_message = "What containers and the database do wrong raises an alarm."
  }
  assert {
    condition     = [for document in split("---\n", output.containers.kubernetes.objects) : "${yamldecode(document).kind} ${yamldecode(document).metadata.name}"] == ["SecurityGroupPolicy product-service"]
    error_message = "kubectl is given the group of each service on EKS, and of no other."
  }
}

run "nothing_of_it_where_all_is_lambda" {
  variables {
    inputs     = jsondecode(file("./tests/fixture/inputs.json"))
    document   = jsondecode(file("./tests/fixture/openapi.json"))
    network    = null
    image_tags = {}
    kubernetes = null
  }

  assert {
    condition     = length(module.containers) == 0 && output.containers == null && length(module.database_secret) == 0
    error_message = "Without a service in containers there is no network, no load balancer, no database, no cluster."
  }
}

run "each_service_a_database_of_its_own" {
  variables {
    database = { shared = false }
  }

  assert {
    condition     = jsonencode({ for name, database in output.containers.databases : name => database.services }) == jsonencode({ orders = ["orders"], products = ["products"] })
    error_message = "With shared = false each service has an instance."
  }
  assert {
    condition     = length(output.containers.provision.tasks) == 2
    error_message = "Each instance has a task that makes its databases."
  }
}
