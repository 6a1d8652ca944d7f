variable "function" {
  description = "Name, memory, time limit, where the zip is, and environment."
  type = object({
    name        = string
    memory_mb   = number
    timeout_s   = number
    package     = object({ bucket = string, key = string, hash = string })
    environment = map(string)
  })
}

variable "statements" {
  description = "What the function may do besides writing its own log: statements of an IAM policy."
  type = list(object({
    Sid       = string
    Effect    = string
    Action    = list(string)
    Resource  = list(string)
    Condition = optional(map(map(list(string))))
  }))
}

variable "published" {
  description = "Whether versions are published and called by the alias `live`, from a snapshot where snap_start is on."
  type        = bool
}

variable "snap_start" {
  description = "Whether published versions start from a snapshot."
  type        = bool
}

variable "reserved" {
  description = "How many instances are reserved, and at most run; null: as many as the account has."
  type        = number
  default     = null
}

variable "log" {
  description = "The log group's retention in days, and its KMS key."
  type        = object({ retention_days = number, key_arn = string })
}

variable "failures_arns" {
  description = "Queues for what a stream that the function relays could not hand over."
  type        = list(string)
  default     = []
}

variable "network" {
  description = "The subnets and the security group of a function that calls containers; null: it is in no network."
  type        = object({ subnet_ids = list(string), group_id = string })
  default     = null
}

variable "place" {
  description = "Where the shop is: AWS partition, region and account id."
  type        = object({ partition = string, region = string, account = string })
}
