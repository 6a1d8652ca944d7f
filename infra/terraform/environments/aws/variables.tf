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
  description = "Whether tables refuse to be deleted, and secrets can be called back for 30 days. Set it to false before destroying a shop."
  type        = bool
  default     = true
}
