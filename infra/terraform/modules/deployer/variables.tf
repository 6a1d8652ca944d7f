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

variable "on_eks" {
  description = "Whether it runs on EKS: the role that deploys is then let into the cluster, as one of <project>-deployers."
  type        = bool
}

variable "provider_arn" {
  description = "The account's OpenID Connect provider of GitHub."
  type        = string
}

variable "repository" {
  description = "The repository on GitHub whose workflow these roles are for, as its tokens name it: owner/name or owner@id/name@id."
  type        = string

  validation {
    condition     = can(regex("^([A-Za-z0-9_-]+/[A-Za-z0-9._-]+|[A-Za-z0-9_-]+@[0-9]+/[A-Za-z0-9._-]+@[0-9]+)$", var.repository))
    error_message = "repository is a repository on GitHub, as owner/name or owner@id/name@id: a wildcard would let others in."
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

variable "workflow" {
  description = "The file in the repository whose jobs are these roles."
  type        = string
  default     = ".github/workflows/service.yml"
}

variable "environment" {
  description = "The environment on GitHub from which is deployed."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+$", var.environment))
    error_message = "environment is the name of one environment."
  }
}
