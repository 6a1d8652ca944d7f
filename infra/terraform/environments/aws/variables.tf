variable "account" {
  description = "The id of the AWS account; nothing is made in another."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "An AWS account's id has 12 digits."
  }
}

variable "region" {
  description = "The AWS region, such as eu-west-1."
  type        = string
}

variable "environment" {
  description = "What the tags call this shop, such as production."
  type        = string
  default     = "production"
}

variable "tags" {
  description = "Tags more for everything."
  type        = map(string)
  default     = {}
}

variable "inputs_dir" {
  description = "The folder into which `souk render terraform --out` wrote inputs.json and openapi.json."
  type        = string
}

variable "packages_dir" {
  description = "The folder with the functions' zips."
  type        = string
}

variable "snap_start" {
  description = "Whether the functions that answer API Gateway start from a snapshot, which is stored and restored for money."
  type        = bool
  default     = true
}

variable "reserved_concurrency" {
  description = "Instances reserved for a function, by its name; the others share what the account has."
  type        = map(number)
  default     = {}
}

variable "log_retention_days" {
  description = "How long logs are kept: one of CloudWatch's own numbers of days."
  type        = number
  default     = 30
}

variable "alarm_mail" {
  description = "The address to which alarms go, or null."
  type        = string
  default     = null
}

variable "oldest_message_s" {
  description = "How old a message may grow in a queue before operators are told, in seconds."
  type        = number
  default     = 120
}

variable "protected" {
  description = "Whether tables, databases, images and the load balancer refuse to be deleted, and secrets can be called back for 30 days. Set it to false before destroying a shop."
  type        = bool
  default     = true
}

variable "image_tags" {
  description = "Services in containers: the tag of each image by the repository's last part, such as order-service; gateway is the provision task's."
  type        = map(string)
  default     = {}
}

variable "running" {
  description = "Whether the tasks of services on ECS run. False until images, secrets and databases are there."
  type        = bool
  default     = true
}

variable "images_kept" {
  description = "How many images of each repository are kept."
  type        = number
  default     = 30
}

variable "scaling" {
  description = "What scaling on ECS aims at: use of the processors in percent, and requests a minute of one task."
  type = object({
    cpu_percent         = optional(number, 60)
    requests_per_minute = optional(number, 3000)
  })
  default = {}
}

variable "network" {
  description = "The network of services in containers: zones; addresses; the way out to the internet (none, single, zone); endpoints of AWS (none, one_zone, every_zone); the services that reach the internet; what the flow log has. Null where every service is on Lambda."
  type = object({
    zones     = list(string)
    cidr      = optional(string, "10.0.0.0/16")
    nat       = optional(string, "none")
    endpoints = optional(string, "every_zone")
    outside   = optional(list(string), [])
    flows     = optional(string, "REJECT")
  })
  default = null
}

variable "database" {
  description = "PostgreSQL of services in containers, by RDS. `shared`: one instance for all, and else one for each."
  type = object({
    version         = optional(string, "17")
    instance_class  = optional(string, "db.t4g.medium")
    storage_gb      = optional(number, 20)
    storage_most_gb = optional(number, 200)
    multi_az        = optional(bool, true)
    backup_days     = optional(number, 7)
    shared          = optional(bool, true)
  })
  default = {}
}

variable "kubernetes" {
  description = "The cluster of EKS, where a service's runtime is eks: Kubernetes' version, the nodes' type and number, and the addresses from which it is reached over the internet. Null: none."
  type = object({
    version      = string
    node_type    = optional(string, "m6i.large")
    nodes_least  = optional(number, 2)
    nodes_most   = optional(number, 6)
    public_cidrs = optional(list(string), [])
  })
  default = null
}
