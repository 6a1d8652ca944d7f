variable "project" {
  description = "Names the network and its parts."
  type        = string
}

variable "place" {
  description = "Where the shop is: AWS partition, region and account id."
  type        = object({ partition = string, region = string, account = string })
}

variable "cidr" {
  description = "The network's addresses: a /16."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "cidr is a block of addresses of /16, such as 10.20.0.0/16: subnets are cut out of it."
  }
}

variable "zones" {
  description = "Two or three availability zones of the region, such as eu-west-1a. Appending one later changes no other."
  type        = list(string)

  validation {
    condition     = length(distinct(var.zones)) == length(var.zones) && length(var.zones) >= 2 && length(var.zones) <= 3
    error_message = "zones names two or three different availability zones: a load balancer and a database's standby need two."
  }
  validation {
    condition     = alltrue([for zone in var.zones : can(regex("^${var.place.region}[a-z]$", zone))])
    error_message = "zones names availability zones of the shop's own region, ${var.place.region}, such as ${var.place.region}a. Here are ${join(", ", var.zones)}."
  }
}

variable "nat" {
  description = "The way out to the internet: none, one gateway for all (single), or one in each zone (zone)."
  type        = string

  validation {
    condition     = contains(["none", "single", "zone"], var.nat)
    error_message = "nat is none, single or zone."
  }
}

variable "flows" {
  description = "What the flow log has: REJECT (what a security group refused), ACCEPT or ALL."
  type        = string

  validation {
    condition     = contains(["ACCEPT", "ALL", "REJECT"], var.flows)
    error_message = "flows is REJECT, ACCEPT or ALL."
  }
}

variable "log" {
  description = "The flow log's retention in days, and its KMS key."
  type        = object({ retention_days = number, key_arn = string })
}
