# What the workflows on GitHub may do in the account: once an account, and again where a service is new or runs
# elsewhere. Its own state is a file on the machine of whoever made it; it holds no secret.
provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account]

  default_tags {
    tags = { project = local.inputs.project, managed-by = "terraform" }
  }
}

locals {
  inputs = jsondecode(file("${var.inputs_dir}/inputs.json"))
  delivered = merge(
    { for service in local.inputs.services : service.label => [for function in try(service.functions, {}) : function.name] },
    { gateway = [for function in local.inputs.gateway.functions : function.name] },
  )
  on_eks = toset([for service in local.inputs.services : service.label if service.runtime == "eks"])
}

data "aws_partition" "current" {}

# An account has one. Where it is there already, name it by provider_arn.
resource "aws_iam_openid_connect_provider" "github" {
  count = var.provider_arn == null ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

module "deployer" {
  source   = "../modules/deployer"
  for_each = local.delivered

  project      = local.inputs.project
  place        = { partition = data.aws_partition.current.partition, region = var.region, account = var.account }
  label        = each.key
  functions    = toset(each.value)
  cluster      = local.inputs.project
  on_eks       = contains(local.on_eks, each.key)
  provider_arn = coalesce(var.provider_arn, one(aws_iam_openid_connect_provider.github[*].arn))
  repository   = var.repository
  branch       = var.branch
  environment  = var.environment
}
