# The shop of modules/shop, planned with no account and no network: what tests/infra/variants.py puts beside the modules.
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
}

variable "folder" {
  description = "The folder with inputs.json, openapi.json and the packages."
  type        = string
}

variable "settings" {
  description = "The shop's other variables, by name."
  type        = any
  default     = {}
}

module "shop" {
  source = "../../modules/shop"

  inputs       = jsondecode(file("${var.folder}/inputs.json"))
  document     = jsondecode(file("${var.folder}/openapi.json"))
  packages_dir = var.folder
  place        = { partition = "aws", region = "eu-west-1", account = "123456789012" }
  image_tags   = try(var.settings.image_tags, {})
  running      = try(var.settings.running, true)
  network      = try(var.settings.network, null)
  database     = try(var.settings.database, {})
  kubernetes   = try(var.settings.kubernetes, null)
}
