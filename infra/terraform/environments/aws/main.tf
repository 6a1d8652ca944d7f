# The shop on AWS: one of an account.
terraform {
  # The rest of the backend is the account's own: `terraform init -backend-config=backend.hcl`, with bucket, key, region.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account]

  default_tags {
    tags = merge({ project = local.inputs.project, environment = var.environment, managed-by = "terraform" }, var.tags)
  }
}

locals {
  inputs = jsondecode(file("${var.inputs_dir}/inputs.json"))
}

data "aws_partition" "current" {}

module "shop" {
  source = "../../modules/shop"

  inputs       = local.inputs
  document     = jsondecode(file("${var.inputs_dir}/openapi.json"))
  packages_dir = var.packages_dir
  place = {
    partition = data.aws_partition.current.partition
    region    = var.region
    account   = var.account
  }
  snap_start           = var.snap_start
  reserved_concurrency = var.reserved_concurrency
  log_retention_days   = var.log_retention_days
  alarm_mail           = var.alarm_mail
  oldest_message_s     = var.oldest_message_s
  protected            = var.protected

  image_tags  = var.image_tags
  running     = var.running
  images_kept = var.images_kept
  scaling     = var.scaling
  network     = var.network
  database    = var.database
  kubernetes  = var.kubernetes
}
