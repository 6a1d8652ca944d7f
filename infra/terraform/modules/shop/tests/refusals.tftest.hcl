# What the modules refuse, each with a sentence of its own. What they would otherwise make would fail at AWS, or later.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  document     = jsondecode(file("./tests/fixture/openapi.json"))
  packages_dir = "./tests/fixture"
  place        = { partition = "aws", region = "eu-west-1", account = "123456789012" }
}

run "a_project_that_names_nothing" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { project = "My Shop" })
  }

  expect_failures = [var.inputs]
}

run "a_runtime_that_is_none" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { services = merge(jsondecode(file("./tests/fixture/inputs.json")).services, { orders = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders, { runtime = "container" }) }) })
  }

  expect_failures = [var.inputs]
}

run "a_part_that_no_one_knows" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { services = merge(jsondecode(file("./tests/fixture/inputs.json")).services, { orders = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders, { functions = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions, { batch = jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions.api }) }) }) })
  }

  expect_failures = [var.inputs]
}

run "no_authorizer" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { gateway = { functions = { gateway = jsondecode(file("./tests/fixture/inputs.json")).gateway.functions.gateway } } })
  }

  expect_failures = [var.inputs]
}

run "a_topic_that_no_one_publishes" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { services = merge(jsondecode(file("./tests/fixture/inputs.json")).services, { orders = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders, { queues = { orders-x = { topic = "nothing", batch = 10, concurrency = 10, window_s = 0 } } }) }) })
  }

  expect_failures = [var.inputs]
}

run "queues_that_nobody_takes" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { services = merge(jsondecode(file("./tests/fixture/inputs.json")).services, { orders = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders, { functions = { api = jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions.api } }) }) })
  }

  expect_failures = [var.inputs]
}

run "a_batch_that_sqs_has_not" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { services = merge(jsondecode(file("./tests/fixture/inputs.json")).services, { orders = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders, { queues = { orders-stock-reserved = { topic = "stock-reserved", batch = 11, concurrency = 10, window_s = 0 } } }) }) })
  }

  expect_failures = [var.inputs]
}

run "an_index_that_projects_something" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { services = merge(jsondecode(file("./tests/fixture/inputs.json")).services, { orders = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders, { tables = { Orders = { hash_key = "orderId", indexes = [{ name = "byX", hash_key = "x", projection = "INCLUDE" }] } } }) }) })
  }

  expect_failures = [var.inputs]
}

run "an_answer_that_comes_too_late" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { services = merge(jsondecode(file("./tests/fixture/inputs.json")).services, { orders = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders, { functions = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions, { api = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions.api, { timeout_s = 60 }) }) }) }) })
  }

  expect_failures = [var.inputs]
}

run "more_memory_than_lambda_has" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { services = merge(jsondecode(file("./tests/fixture/inputs.json")).services, { orders = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders, { functions = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions, { api = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions.api, { memory_mb = 64 }) }) }) }) })
  }

  expect_failures = [var.inputs]
}

run "a_table_of_two_services" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { services = merge(jsondecode(file("./tests/fixture/inputs.json")).services, { orders = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders, { tables = { Products = { hash_key = "orderId" } }, functions = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions, { api = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions.api, { permissions = [] }) }) }) }) })
  }

  expect_failures = [var.inputs]
}

run "no_throttle_for_the_rest" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { throttles = { "POST /orders" = { rate = 1, burst = 1 } } })
  }

  expect_failures = [var.inputs]
}

run "a_resource_that_is_not_there" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { services = merge(jsondecode(file("./tests/fixture/inputs.json")).services, { orders = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders, { functions = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions, { api = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions.api, { permissions = [{ sid = "X", why = "x", actions = ["dynamodb:GetItem"], resources = ["table/Nothing"] }] }) }) }) }) })
  }

  expect_failures = [terraform_data.permissions]
}

run "any_resource" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { services = merge(jsondecode(file("./tests/fixture/inputs.json")).services, { orders = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders, { functions = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions, { api = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions.api, { permissions = [{ sid = "X", why = "x", actions = ["dynamodb:GetItem"], resources = ["*"] }] }) }) }) }) })
  }

  expect_failures = [terraform_data.permissions]
}

run "any_action" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { services = merge(jsondecode(file("./tests/fixture/inputs.json")).services, { orders = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders, { functions = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions, { api = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions.api, { permissions = [{ sid = "X", why = "x", actions = ["dynamodb:*"], resources = ["table/Orders"] }] }) }) }) }) })
  }

  expect_failures = [terraform_data.permissions]
}

run "a_key_among_tables" {
  command = plan

  variables {
    inputs = merge(jsondecode(file("./tests/fixture/inputs.json")), { services = merge(jsondecode(file("./tests/fixture/inputs.json")).services, { orders = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders, { functions = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions, { api = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders.functions.api, { permissions = [{ sid = "X", why = "x", actions = ["kms:Decrypt"], resources = ["table/Orders", "key/tables"] }] }) }) }) }) })
  }

  expect_failures = [terraform_data.permissions]
}

run "days_that_cloudwatch_has_not" {
  command = plan

  variables {
    inputs             = jsondecode(file("./tests/fixture/inputs.json"))
    log_retention_days = 31
  }

  expect_failures = [var.log_retention_days]
}

run "containers_that_no_one_described" {
  command = plan

  variables {
    inputs  = merge(jsondecode(file("./tests/fixture/inputs.json")), { services = merge(jsondecode(file("./tests/fixture/inputs.json")).services, { orders = merge(jsondecode(file("./tests/fixture/inputs.json")).services.orders, { runtime = "ecs" }) }) })
    network = { zones = ["eu-west-1a", "eu-west-1b"] }
  }

  expect_failures = [var.inputs]
}

run "functions_of_a_service_in_containers" {
  command = plan

  variables {
    inputs     = merge(jsondecode(file("./tests/fixture/containers.json")), { services = merge(jsondecode(file("./tests/fixture/containers.json")).services, { orders = merge(jsondecode(file("./tests/fixture/containers.json")).services.orders, { functions = jsondecode(file("./tests/fixture/containers.json")).services.payments.functions }) }) })
    document   = jsondecode(file("./tests/fixture/openapi-containers.json"))
    network    = { zones = ["eu-west-1a", "eu-west-1b"] }
    kubernetes = { version = "1.33" }
    image_tags = { order-service = "1a2b3c4", product-service = "1a2b3c4", gateway = "1a2b3c4" }
  }

  expect_failures = [var.inputs]
}

run "a_call_by_http_to_a_function" {
  command = plan

  variables {
    inputs     = merge(jsondecode(file("./tests/fixture/containers.json")), { services = merge(jsondecode(file("./tests/fixture/containers.json")).services, { orders = merge(jsondecode(file("./tests/fixture/containers.json")).services.orders, { container = merge(jsondecode(file("./tests/fixture/containers.json")).services.orders.container, { reaches = ["payments"] }) }) }) })
    document   = jsondecode(file("./tests/fixture/openapi-containers.json"))
    network    = { zones = ["eu-west-1a", "eu-west-1b"] }
    kubernetes = { version = "1.33" }
    image_tags = { order-service = "1a2b3c4", product-service = "1a2b3c4", gateway = "1a2b3c4" }
  }

  expect_failures = [var.inputs]
}

run "no_task_that_makes_databases" {
  command = plan

  variables {
    inputs     = { for name, value in jsondecode(file("./tests/fixture/containers.json")) : name => value if name != "provision" }
    document   = jsondecode(file("./tests/fixture/openapi-containers.json"))
    network    = { zones = ["eu-west-1a", "eu-west-1b"] }
    kubernetes = { version = "1.33" }
    image_tags = { order-service = "1a2b3c4", product-service = "1a2b3c4", gateway = "1a2b3c4" }
  }

  expect_failures = [var.inputs]
}

run "another_services_secret" {
  command = plan

  variables {
    inputs     = merge(jsondecode(file("./tests/fixture/containers.json")), { services = merge(jsondecode(file("./tests/fixture/containers.json")).services, { orders = merge(jsondecode(file("./tests/fixture/containers.json")).services.orders, { container = merge(jsondecode(file("./tests/fixture/containers.json")).services.orders.container, { secrets = { DATABASE_URL = "secret/products/database" } }) }) }) })
    document   = jsondecode(file("./tests/fixture/openapi-containers.json"))
    network    = { zones = ["eu-west-1a", "eu-west-1b"] }
    kubernetes = { version = "1.33" }
    image_tags = { order-service = "1a2b3c4", product-service = "1a2b3c4", gateway = "1a2b3c4" }
  }

  expect_failures = [terraform_data.permissions]
}

run "no_network" {
  command = plan

  variables {
    inputs     = jsondecode(file("./tests/fixture/containers.json"))
    document   = jsondecode(file("./tests/fixture/openapi-containers.json"))
    kubernetes = { version = "1.33" }
    image_tags = { order-service = "1a2b3c4", product-service = "1a2b3c4", gateway = "1a2b3c4" }
  }

  expect_failures = [var.network]
}

run "no_cluster" {
  command = plan

  variables {
    inputs     = jsondecode(file("./tests/fixture/containers.json"))
    document   = jsondecode(file("./tests/fixture/openapi-containers.json"))
    network    = { zones = ["eu-west-1a", "eu-west-1b"] }
    image_tags = { order-service = "1a2b3c4", product-service = "1a2b3c4", gateway = "1a2b3c4" }
  }

  expect_failures = [var.kubernetes]
}

run "a_network_for_nobody" {
  command = plan

  variables {
    inputs  = jsondecode(file("./tests/fixture/inputs.json"))
    network = { zones = ["eu-west-1a", "eu-west-1b"] }
  }

  expect_failures = [var.network]
}

run "settings_of_nothing" {
  command = plan

  variables {
    inputs               = jsondecode(file("./tests/fixture/inputs.json"))
    reserved_concurrency = { orders = 10 }
    alarm_mail           = "nobody"
    oldest_message_s     = 0
  }

  expect_failures = [var.reserved_concurrency, var.alarm_mail, var.oldest_message_s]
}

run "a_cluster_for_nobody" {
  command = plan

  variables {
    inputs     = jsondecode(file("./tests/fixture/inputs.json"))
    kubernetes = { version = "1.33" }
  }

  expect_failures = [var.kubernetes]
}
