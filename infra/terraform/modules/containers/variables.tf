variable "project" {
  description = "Names the network, the clusters, the load balancer and the database."
  type        = string
}

variable "place" {
  description = "Where the shop is: AWS partition, region and account id."
  type        = object({ partition = string, region = string, account = string })
}

variable "jwks" {
  description = "The public keys of the shop."
  type        = any
}

variable "topics" {
  description = "What the ARN of every topic begins with."
  type        = string
}

variable "services" {
  description = "The services in containers by name: where each runs, and all that its containers need. `reaches` are services in containers that it calls; `ports_outside` those of servers on the internet that its manifest names; `secrets` are ARNs by variable; `statements` what its role may do."
  type = map(object({
    label         = string
    runtime       = string
    image         = string
    port          = number
    host          = string
    header        = string
    cpu           = number
    memory_mib    = number
    replicas      = object({ least = number, most = number })
    environment   = map(string)
    secrets       = map(string)
    reaches       = list(string)
    ports_outside = list(number)
    statements = list(object({
      Sid       = string
      Effect    = string
      Action    = list(string)
      Resource  = list(string)
      Condition = optional(map(map(list(string))))
    }))
  }))
}

variable "functions" {
  description = "Functions that call containers, by name: whose each is, which services it calls, the ports of servers on the internet that its manifest names, and what its role may do."
  type = map(object({
    service       = string
    reaches       = list(string)
    ports_outside = list(number)
    statements = list(object({
      Sid       = string
      Effect    = string
      Action    = list(string)
      Resource  = list(string)
      Condition = optional(map(map(list(string))))
    }))
  }))
}

variable "provision" {
  description = "The task that makes databases and roles: its image and environment."
  type        = object({ image = string, environment = map(string) })
}

variable "instances" {
  description = "The instances of PostgreSQL: which services have their databases in each, and the secret with the passwords of their roles, in JSON."
  type        = map(object({ services = list(string), passwords_arn = string }))
}

variable "keys" {
  description = "KMS keys by what they encrypt: logs, secrets, database, images, kubernetes."
  type        = object({ logs = string, secrets = string, database = string, images = string, kubernetes = string })
}

variable "image_tags" {
  description = "The tag of each image by the repository's last part, such as order-service."
  type        = map(string)

  validation {
    condition     = alltrue([for tag in var.image_tags : can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", tag))])
    error_message = "An image's tag is 1 to 128 of A-Z, a-z, 0-9, _, . and -, such as the commit's id."
  }
  validation {
    condition     = !contains(values(var.image_tags), "latest")
    error_message = "latest is no image's tag: it would name another image tomorrow."
  }
}

variable "running" {
  description = "Whether the services' tasks run on ECS. False until images, secrets and databases are there."
  type        = bool
}

variable "scaling" {
  description = "What scaling on ECS aims at: use of the processors in percent, and requests a minute of one task."
  type        = object({ cpu_percent = number, requests_per_minute = number })
}

variable "network" {
  description = "The network: addresses, zones, the way out (none, single, zone), endpoints (none, one_zone, every_zone), services that reach the internet, and what the flow log has."
  type = object({
    cidr      = string
    zones     = list(string)
    nat       = string
    endpoints = string
    outside   = list(string)
    flows     = string
  })

  validation {
    condition     = contains(["none", "one_zone", "every_zone"], var.network.endpoints)
    error_message = "network.endpoints is none, one_zone or every_zone."
  }
}

variable "database" {
  description = "PostgreSQL: see the module database. `shared`: there is one instance, and it is named after the project."
  type = object({
    version         = string
    instance_class  = string
    storage_gb      = number
    storage_most_gb = number
    multi_az        = bool
    backup_days     = number
    shared          = bool
  })
}

variable "kubernetes" {
  description = "The cluster of EKS, where a service runs on it: see the module kubernetes. Null: none."
  type = object({
    version      = string
    node_type    = string
    nodes_least  = number
    nodes_most   = number
    public_cidrs = list(string)
  })
}

variable "images_kept" {
  description = "How many images of each repository are kept."
  type        = number
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
}

variable "protected" {
  description = "Whether databases, images and the load balancer refuse to be deleted."
  type        = bool
}
