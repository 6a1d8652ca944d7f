variable "project" {
  description = "Names the roles, the repository of images and the alarms."
  type        = string
}

variable "place" {
  description = "Where the shop is: AWS partition, region and account id."
  type        = object({ partition = string, region = string, account = string })
}

variable "label" {
  description = "The service, such as order-service."
  type        = string
}

variable "functions" {
  description = "Its functions on Lambda; none where it runs in containers."
  type        = set(string)
}

variable "cluster" {
  description = "The cluster's name, on ECS and on EKS."
  type        = string
}

variable "provider_arn" {
  description = "The account's OpenID Connect provider of GitHub."
  type        = string
}

variable "repository" {
  description = "The repository on GitHub whose workflows these roles are for: owner/name."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository is a repository on GitHub, as owner/name: a wildcard would let others in."
  }
}

variable "branch" {
  description = "The branch whose pushes are built."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]+$", var.branch))
    error_message = "branch is the name of one branch."
  }
}

variable "environment" {
  description = "The environment on GitHub from which is deployed."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+$", var.environment))
    error_message = "environment is the name of one environment."
  }
}
