variable "name" {
  description = "The instance's name."
  type        = string
}

variable "settings" {
  description = "PostgreSQL's version, the instance's class, its storage in GB and what that may grow to, whether a standby runs in another zone, and for how many days it can be had back."
  type = object({
    version         = string
    instance_class  = string
    storage_gb      = number
    storage_most_gb = number
    multi_az        = bool
    backup_days     = number
  })

  validation {
    condition     = can(regex("^[0-9]+$", var.settings.version)) && try(tonumber(var.settings.version) >= 15, false)
    error_message = "database.version is PostgreSQL 15 or newer, such as 17: before 15, everyone could create tables in every schema. Which 17 it is, RDS says, and goes on to newer ones by itself."
  }
  validation {
    condition     = can(regex("^db\\.[a-z0-9-]+\\.[a-z0-9]+$", var.settings.instance_class))
    error_message = "database.instance_class is a class of RDS, such as db.t4g.medium."
  }
  validation {
    condition     = var.settings.storage_gb >= 20 && var.settings.storage_most_gb >= 1.1 * var.settings.storage_gb
    error_message = "database.storage_gb is 20 or more, and storage_most_gb a tenth above it at least, as RDS has it."
  }
  validation {
    condition     = var.settings.backup_days >= 1 && var.settings.backup_days <= 35
    error_message = "database.backup_days is 1 to 35: without backups nothing brings orders back."
  }
}

variable "subnet_ids" {
  description = "Private subnets in two zones at least."
  type        = list(string)
}

variable "group_id" {
  description = "Its security group."
  type        = string
}

variable "key_arn" {
  description = "The KMS key that encrypts it."
  type        = string
}

variable "secrets_key_arn" {
  description = "The KMS key of its master's password."
  type        = string
}

variable "log" {
  description = "The logs' retention in days, and their KMS key."
  type        = object({ retention_days = number, key_arn = string })
}

variable "protected" {
  description = "Whether AWS refuses to delete it, and keeps a last snapshot."
  type        = bool
}
