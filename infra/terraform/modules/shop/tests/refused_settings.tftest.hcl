# What the modules of containers refuse of the shop's variables, each with a sentence of its own.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  project = "souk"
  place   = { partition = "aws", region = "eu-west-1", account = "123456789012" }
  log     = { retention_days = 30, key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
}

run "a_network_of_one_zone" {
  command = plan

  module {
    source = "../network"
  }

  variables {
    cidr  = "10.20.0.0/16"
    zones = ["eu-west-1a"]
    nat   = "none"
    flows = "REJECT"
  }

  expect_failures = [var.zones]
}

run "a_network_that_is_none" {
  command = plan

  module {
    source = "../network"
  }

  variables {
    cidr  = "10.20.0.0/20"
    zones = ["us-east-1a", "eu-west-1b"]
    nat   = "some"
    flows = "EVERYTHING"
  }

  expect_failures = [var.cidr, var.zones, var.nat, var.flows]
}

run "an_edge_to_nowhere" {
  command = plan

  module {
    source = "../groups"
  }

  variables {
    vpc_id = "vpc-1"
    groups = { a = "One" }
    edges  = { "a b" = { from = "a", to = "b", port = 80, why = "asks" } }
  }

  expect_failures = [var.edges]
}

run "words_that_ec2_does_not_take" {
  command = plan

  module {
    source = "../groups"
  }

  variables {
    vpc_id = "vpc-1"
    groups = { a = "One", b = "API Gateway's way in" }
    edges  = {}
  }

  expect_failures = [var.groups]
}

run "a_reason_that_ec2_does_not_take" {
  command = plan

  module {
    source = "../groups"
  }

  variables {
    vpc_id = "vpc-1"
    groups = { a = "One", b = "Another" }
    edges  = { "a b" = { from = "a", to = "b", port = 80, why = "the kubelet's probes" } }
  }

  expect_failures = [var.edges]
}

run "a_name_that_is_too_long_for_a_target_group" {
  command = plan

  module {
    source = "../load_balancer"
  }

  variables {
    project    = "a-shop-of-20-letters"
    vpc_id     = "vpc-1"
    subnet_ids = ["subnet-1", "subnet-2"]
    group_id   = "sg-1"
    zone       = "souk.internal"
    header     = "x-souk-service"
    services   = { order-service = { port = 8080, host = "order-service.souk.internal", header = "order-service" } }
    protected  = true
  }

  expect_failures = [var.services]
}

run "a_database_that_rds_has_not" {
  command = plan

  module {
    source = "../database"
  }

  variables {
    name            = "souk"
    settings        = { version = "14", instance_class = "large", storage_gb = 10, storage_most_gb = 5, multi_az = true, backup_days = 0 }
    subnet_ids      = ["subnet-1", "subnet-2"]
    group_id        = "sg-1"
    key_arn         = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    secrets_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    protected       = true
  }

  expect_failures = [var.settings]
}

run "a_task_that_fargate_has_not" {
  command = plan

  module {
    source = "../container_task"
  }

  variables {
    task            = { name = "order-service", image = "any:1", cpu = 256, memory_mib = 4096, environment = {}, secrets = {} }
    user            = "0:0"
    repository_arn  = "arn:aws:ecr:eu-west-1:123456789012:repository/souk/order-service"
    statements      = []
    secrets_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  }

  expect_failures = [var.task, var.user]
}

run "a_cluster_for_all_the_world" {
  command = plan

  module {
    source = "../kubernetes"
  }

  variables {
    name            = "souk"
    settings        = { version = "latest", node_type = "t3.large", nodes_least = 1, nodes_most = 0, public_cidrs = ["0.0.0.0/0"] }
    namespace       = "souk"
    subnet_ids      = ["subnet-1", "subnet-2"]
    services        = {}
    key_arn         = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    secrets_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  }

  expect_failures = [var.settings]
}

run "nodes_that_the_images_are_not_for" {
  command = plan

  module {
    source = "../kubernetes"
  }

  variables {
    name            = "souk"
    settings        = { version = "1.33", node_type = "m6g.large", nodes_least = 2, nodes_most = 2, public_cidrs = [] }
    namespace       = "souk"
    subnet_ids      = ["subnet-1", "subnet-2"]
    services        = {}
    key_arn         = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    secrets_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  }

  expect_failures = [var.settings]
}

run "settings_that_do_not_fit" {
  command = plan

  module {
    source = "../containers"
  }

  variables {
    jwks      = {}
    topics    = "arn:aws:sns:eu-west-1:123456789012:"
    functions = {}
    services = { orders = {
      label = "order-service", runtime = "ecs", image = "souk/order-service", port = 8080, host = "order-service.souk.internal", header = "order-service"
      cpu   = 256, memory_mib = 512, replicas = { least = 2, most = 10 }, environment = {}, secrets = {}, reaches = [], ports_outside = [], statements = []
    } }
    provision          = { image = "souk/gateway", environment = {} }
    instances          = { shop = { services = ["orders"], passwords_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:any-AbCdEf" } }
    keys               = { logs = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000", secrets = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000", database = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000", images = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000", kubernetes = "" }
    image_tags         = { order-service = "1a2b3c4" }
    running            = true
    scaling            = { cpu_percent = 60, requests_per_minute = 3000 }
    network            = { zones = ["eu-west-1a", "eu-west-1b"], cidr = "10.20.0.0/16", nat = "none", endpoints = "none", outside = ["payments"], flows = "REJECT" }
    database           = { version = "17", instance_class = "db.t4g.medium", storage_gb = 20, storage_most_gb = 200, multi_az = true, backup_days = 7, shared = true }
    kubernetes         = null
    images_kept        = 30
    log_retention_days = 30
    protected          = true
  }

  expect_failures = [terraform_data.settings]
}
