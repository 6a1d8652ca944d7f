variable "name" {
  description = "The cluster's name."
  type        = string
}

variable "place" {
  description = "Where the shop is: AWS partition, region and account id."
  type        = object({ partition = string, region = string, account = string })
}

variable "settings" {
  description = "Kubernetes' version, the nodes' type and how many there are, and the addresses from which the cluster is reached over the internet: none, and it has its private endpoint alone."
  type = object({
    version      = string
    node_type    = string
    nodes_least  = number
    nodes_most   = number
    public_cidrs = list(string)
  })

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.settings.version))
    error_message = "kubernetes.version is a version of Kubernetes that EKS has, in quotes, such as \"1.33\": without them 1.30 is 1.3."
  }
  validation {
    condition     = can(regex("^[cmr][5-8][a-fh-z]*\\.[a-z0-9]+$", var.settings.node_type))
    error_message = "kubernetes.node_type is of a family c, m or r from 5 on, such as m6i.large, and not of Graviton, such as m6g.large: pods have security groups of their own, which t types can't, and the images are for x86."
  }
  validation {
    condition     = var.settings.nodes_least >= 2 && var.settings.nodes_most >= var.settings.nodes_least
    error_message = "kubernetes.nodes_least is 2 or more, one in each of two zones, and nodes_most as many or more."
  }
  validation {
    condition     = alltrue([for cidr in var.settings.public_cidrs : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")])
    error_message = "kubernetes.public_cidrs are blocks of addresses such as 203.0.113.7/32, and not all the world's."
  }
}

variable "namespace" {
  description = "The namespace of the services."
  type        = string
}

variable "subnet_ids" {
  description = "The private subnets."
  type        = list(string)
}

variable "services" {
  description = "The services on it by label, which is their service account's name: what each may do, the ARNs of its secrets, and its target group."
  type = map(object({
    statements = list(object({
      Sid       = string
      Effect    = string
      Action    = list(string)
      Resource  = list(string)
      Condition = optional(map(map(list(string))))
    }))
    secrets          = map(string)
    target_group_arn = string
  }))
}

variable "key_arn" {
  description = "The KMS key that encrypts the cluster's secrets."
  type        = string
}

variable "secrets_key_arn" {
  description = "The KMS key of the services' secrets in Secrets Manager."
  type        = string
}

variable "log" {
  description = "The log's retention in days, and its KMS key."
  type        = object({ retention_days = number, key_arn = string })
}
