variable "project" {
  description = "Names the load balancer and begins its target groups' names."
  type        = string
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets in two zones at least."
  type        = list(string)
}

variable "group_id" {
  description = "Its security group."
  type        = string
}

variable "zone" {
  description = "The private zone of the services' names, such as souk.internal."
  type        = string
}

variable "header" {
  description = "The header in which API Gateway names the service."
  type        = string
}

variable "services" {
  description = "The services in containers by label: their port, and the host and the header's value that lead to them."
  type        = map(object({ port = number, host = string, header = string }))

  validation {
    condition     = alltrue([for label in keys(var.services) : length("${var.project}-${label}") <= 32])
    error_message = "A target group's name, project-label, has 32 characters at most. Too long: ${join(", ", [for label in keys(var.services) : "${var.project}-${label}" if length("${var.project}-${label}") > 32])}."
  }
  validation {
    condition     = alltrue([for service in var.services : endswith(service.host, ".${var.zone}")])
    error_message = "A service's host is a name in the private zone."
  }
}

variable "protected" {
  description = "Whether AWS refuses to delete it."
  type        = bool
}
