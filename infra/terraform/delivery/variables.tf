variable "account" {
  description = "The id of the AWS account; nothing is made in another."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "An AWS account's id has 12 digits."
  }
}

variable "region" {
  description = "The AWS region of the shop, such as eu-west-1."
  type        = string
}

variable "inputs_dir" {
  description = "The folder into which `souk render terraform --out` wrote inputs.json."
  type        = string
}

variable "repository" {
  description = "The repository on GitHub as its tokens name it: owner/name; owner@id/name@id where it was made, renamed or moved since July 2026."
  type        = string
}

variable "branch" {
  description = "The branch whose pushes are built."
  type        = string
  default     = "main"
}

variable "environment" {
  description = "The environment on GitHub from which is deployed."
  type        = string
  default     = "production"
}

variable "provider_arn" {
  description = "The account's OpenID Connect provider of GitHub, where there is one already; null: one is made."
  type        = string
  default     = null
}
