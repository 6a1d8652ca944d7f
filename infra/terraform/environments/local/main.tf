# The shop of ../aws on an emulator of AWS on this machine.
provider "aws" {
  region                      = var.region
  access_key                  = "test"
  secret_key                  = "test"
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_credentials_validation = true
  s3_use_path_style           = true

  endpoints {
    apigatewayv2   = var.endpoint
    cloudwatch     = var.endpoint
    dynamodb       = var.endpoint
    events         = var.endpoint
    iam            = var.endpoint
    kms            = var.endpoint
    lambda         = var.endpoint
    logs           = var.endpoint
    s3             = var.endpoint
    secretsmanager = var.endpoint
    sns            = var.endpoint
    sqs            = var.endpoint
    sts            = var.endpoint
  }

  default_tags {
    tags = { project = local.inputs.project, environment = "local", managed-by = "terraform" }
  }
}

locals {
  inputs = jsondecode(file("${var.inputs_dir}/inputs.json"))
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

module "shop" {
  source = "../../modules/shop"

  inputs       = local.inputs
  document     = jsondecode(file("${var.inputs_dir}/openapi.json"))
  packages_dir = var.packages_dir
  place = {
    partition = data.aws_partition.current.partition
    region    = var.region
    account   = data.aws_caller_identity.current.account_id
  }
  protected = false
  # AWS knows no such actions, and asks for mails by their sender: docs/reference/emulator.md.
  emulator = {
    actions = {
      "sns:Publish"                 = ["sns:PublishBatch"]
      "sqs:SendMessage"             = ["sqs:SendMessageBatch"]
      "sqs:DeleteMessage"           = ["sqs:DeleteMessageBatch"]
      "sqs:ChangeMessageVisibility" = ["sqs:ChangeMessageVisibilityBatch"]
    }
    resources = { "ses:SendEmail" = ["*"] }
  }
}
