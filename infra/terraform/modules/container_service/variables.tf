variable "name" {
  description = "The service's name: its label, and its container's."
  type        = string
}

variable "cluster" {
  description = "The cluster: ARN and name."
  type        = object({ arn = string, name = string })
}

variable "task_arn" {
  description = "The task definition."
  type        = string
}

variable "port" {
  description = "The port that its container listens on."
  type        = number
}

variable "replicas" {
  description = "How many tasks there are, at least and at most."
  type        = object({ least = number, most = number })

  validation {
    condition     = var.replicas.least >= 1 && var.replicas.most >= var.replicas.least
    error_message = "A service has one task at least, and at most as many or more."
  }
}

variable "scaling" {
  description = "What scaling aims at: use of the processors in percent, and requests a minute of one task."
  type        = object({ cpu_percent = number, requests_per_minute = number })

  validation {
    condition     = var.scaling.cpu_percent >= 10 && var.scaling.cpu_percent <= 90 && var.scaling.requests_per_minute >= 1
    error_message = "scaling.cpu_percent is 10 to 90, and requests_per_minute 1 or more."
  }
}

variable "subnet_ids" {
  description = "The private subnets."
  type        = list(string)
}

variable "group_id" {
  description = "The service's security group."
  type        = string
}

variable "target" {
  description = "The target group's ARN, and its name for scaling by requests: app/.../targetgroup/..."
  type        = object({ group_arn = string, resource_label = string })
}
