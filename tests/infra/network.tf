# The network, its groups and the registry on the emulator: what tests/infra/test_network_on_emulator.py applies.
variable "endpoint" {
  description = "Where the emulator answers."
  type        = string
}

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_metadata_api_check     = true
  skip_credentials_validation = true

  endpoints {
    ec2  = var.endpoint
    ecr  = var.endpoint
    iam  = var.endpoint
    logs = var.endpoint
    sts  = var.endpoint
  }
}

locals {
  place = { partition = "aws", region = "eu-west-1", account = "000000000000" }
}

module "network" {
  source = "../../modules/network"

  project = "souk"
  place   = local.place
  cidr    = "10.0.0.0/16"
  zones   = ["eu-west-1a", "eu-west-1b"]
  nat     = "none"
  flows   = "REJECT"
  log     = { retention_days = 30, key_arn = null }
}

# Without edges to lists of addresses: the emulator forgets them, and the provider then breaks off with a second plan.
module "groups" {
  source = "../../modules/groups"

  project = "souk"
  vpc_id  = module.network.vpc_id
  groups  = { load-balancer = "Before", order-service = "Containers", database-shop = "Databases" }
  edges = {
    "load-balancer order-service" = { from = "load-balancer", to = "order-service", port = 8080, why = "requests" }
    "order-service database-shop" = { from = "order-service", to = "database-shop", port = 5432, why = "its database" }
    "order-service internet"      = { from = "order-service", to = "internet", port = 443, why = "a provider" }
  }
}

module "registry" {
  source = "../../modules/registry"

  repositories = ["souk/order-service"]
  key_arn      = "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000"
  images_kept  = 30
  protected    = false
}

output "groups" {
  description = "Ids of the groups, by name."
  value       = module.groups.ids
}
