variable "project" {
  description = "Begins the log group's name."
  type        = string
}

variable "place" {
  description = "Where the shop is: AWS partition, region and account id."
  type        = object({ partition = string, region = string, account = string })
}

variable "task" {
  description = "Name, image with its tag, size as Fargate has it, port (null: it serves nothing), environment, and secrets: by variable, the secret's ARN, with `:member::` behind it where one member is taken."
  type = object({
    name        = string
    image       = string
    cpu         = number
    memory_mib  = number
    port        = optional(number)
    environment = map(string)
    secrets     = map(string)
  })

  validation {
    condition     = try(contains({ 256 = [512, 1024, 2048], 512 = range(1024, 4097, 1024), 1024 = range(2048, 8193, 1024), 2048 = range(4096, 16385, 1024), 4096 = range(8192, 30721, 1024) }[var.task.cpu], var.task.memory_mib), false)
    error_message = "Fargate has no task of that size. cpu is 256, 512, 1024, 2048 or 4096; memory_mib for 256: 512, 1024 or 2048, above that two to eight times cpu in steps of 1024."
  }
}

variable "user" {
  description = "The user and group that the container runs as: numbers, and not root's."
  type        = string
  default     = "10001:10001"

  validation {
    condition     = can(regex("^[1-9][0-9]*:[1-9][0-9]*$", var.user))
    error_message = "user is two numbers above 0, such as 10001:10001: a container does not run as root."
  }
}

variable "repository_arn" {
  description = "The repository of the image."
  type        = string
}

variable "statements" {
  description = "What the code may do: statements of an IAM policy."
  type = list(object({
    Sid       = string
    Effect    = string
    Action    = list(string)
    Resource  = list(string)
    Condition = optional(map(map(list(string))))
  }))
}

variable "secrets_key_arn" {
  description = "The KMS key of the secrets."
  type        = string
}

variable "log" {
  description = "The log group's retention in days, and its KMS key."
  type        = object({ retention_days = number, key_arn = string })
}
