variable "inputs" {
  description = "What `souk render terraform` writes from the manifests: inputs.json, decoded."
  type = object({
    project = string
    jwks    = any
    services = map(object({
      label   = string
      runtime = string
      tables = optional(map(object({
        hash_key  = string
        range_key = optional(string)
        indexes = optional(list(object({
          name       = string
          hash_key   = string
          range_key  = optional(string)
          projection = string
        })), [])
        expires = optional(string)
        streams = optional(bool, false)
      })), {})
      publishes = optional(list(string), [])
      queues = optional(map(object({
        topic       = string
        batch       = number
        concurrency = number
        window_s    = number
      })), {})
      functions = map(object({
        name          = string
        memory_mb     = number
        timeout_s     = number
        package       = string
        environment   = optional(map(string), {})
        reaches       = optional(list(string), [])
        ports_outside = optional(list(number), [])
        permissions = optional(list(object({
          sid       = string
          why       = string
          actions   = list(string)
          resources = list(string)
        })), [])
      }))
      schedule = optional(string)
      calls    = optional(list(string), [])
      container = optional(object({
        image         = string
        port          = number
        host          = string
        header        = string
        cpu           = number
        memory_mib    = number
        replicas      = object({ least = number, most = number })
        environment   = optional(map(string), {})
        secrets       = optional(map(string), {})
        reaches       = optional(list(string), [])
        ports_outside = optional(list(number), [])
        permissions = optional(list(object({
          sid       = string
          why       = string
          actions   = list(string)
          resources = list(string)
        })), [])
      }))
    }))
    gateway = object({
      functions = map(object({
        name          = string
        memory_mb     = number
        timeout_s     = number
        package       = string
        environment   = optional(map(string), {})
        reaches       = optional(list(string), [])
        ports_outside = optional(list(number), [])
        permissions = optional(list(object({
          sid       = string
          why       = string
          actions   = list(string)
          resources = list(string)
        })), [])
      }))
    })
    provision = optional(object({
      image       = string
      environment = optional(map(string), {})
      databases   = optional(map(string), {})
    }))
    throttles = map(object({ rate = number, burst = number }))
  })

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.inputs.project))
    error_message = "project names keys and alarms: 1 to 20 of a-z, 0-9 and -, and a letter first."
  }
  validation {
    condition     = alltrue([for service in var.inputs.services : contains(["lambda", "ecs", "eks"], service.runtime)])
    error_message = "A service's runtime is lambda, ecs or eks. Here is ${join(", ", [for name, service in var.inputs.services : "${name}: ${service.runtime}" if !contains(["lambda", "ecs", "eks"], service.runtime)])}."
  }
  validation {
    condition     = alltrue([for service in var.inputs.services : (service.container != null) == (service.runtime != "lambda")])
    error_message = "A service whose runtime is ecs or eks needs its container, and one on lambda has none: ${join(", ", [for name, service in var.inputs.services : name if(service.container != null) != (service.runtime != "lambda")])}."
  }
  validation {
    condition = alltrue([for service in var.inputs.services :
      service.runtime == "lambda" || (length(service.functions) == 0 && length(service.tables) == 0 && service.schedule == null)
    ])
    error_message = "A service in containers has no functions, tables or schedule; its queues and topics stay."
  }
  validation {
    condition = length(setsubtract(flatten([
      [for service in var.inputs.services : [for function in service.functions : function.reaches]],
      [for function in var.inputs.gateway.functions : function.reaches],
      [for service in var.inputs.services : try(service.container.reaches, [])],
    ]), [for name, service in var.inputs.services : name if service.container != null])) == 0
    error_message = "What is reached by HTTP is a service in containers: reaches names another."
  }
  validation {
    condition     = (var.inputs.provision != null) == anytrue([for service in var.inputs.services : service.container != null])
    error_message = "provision makes the databases of services in containers: it is given where there is one, and not otherwise."
  }
  validation {
    condition = alltrue(flatten([for service in var.inputs.services : [
      for part in keys(service.functions) : contains(["api", "calls", "events"], part)
    ]]))
    error_message = "A service's functions are api, calls and events; another was given."
  }
  validation {
    condition     = length(setsubtract(["gateway", "authorizer"], keys(var.inputs.gateway.functions))) == 0
    error_message = "gateway.functions needs both gateway and authorizer."
  }
  validation {
    condition = alltrue(flatten([for service in var.inputs.services : [
      for queue in service.queues : contains(flatten([for other in var.inputs.services : other.publishes]), queue.topic)
    ]]))
    error_message = "A queue hears a topic that no service publishes."
  }
  validation {
    condition = alltrue([for service in var.inputs.services :
      service.runtime != "lambda" || contains(keys(service.functions), "events") ||
      (length(service.queues) == 0 && service.schedule == null && !anytrue([for table in service.tables : table.streams]))
    ])
    error_message = "A service with queues, streams or a schedule needs the function events, which takes them."
  }
  validation {
    condition = alltrue(flatten([for service in var.inputs.services : [for queue in service.queues :
      queue.batch >= 1 && queue.batch <= 10 && queue.concurrency >= 2 && queue.concurrency <= 1000 &&
      queue.window_s >= 0 && queue.window_s <= 300
    ]]))
    error_message = "A queue has batches of 1 to 10 messages, a concurrency of 2 to 1,000, and up to 300 s to gather a batch, as SQS and Lambda have it."
  }
  validation {
    condition = alltrue(flatten([for service in var.inputs.services : [for table in service.tables : [
      for index in table.indexes : contains(["ALL", "KEYS_ONLY"], index.projection)
    ]]]))
    error_message = "An index projects ALL or KEYS_ONLY."
  }
  validation {
    condition     = alltrue([for service in var.inputs.services : try(service.functions.api.timeout_s, 1) <= 29])
    error_message = "A function that answers API Gateway has 29 s at most: the gateway waits for 30."
  }
  validation {
    condition = alltrue(flatten([
      for part in concat([for service in var.inputs.services : service.functions], [var.inputs.gateway.functions]) : [
        for function in part : function.timeout_s >= 1 && function.timeout_s <= 900 && function.memory_mb >= 128 && function.memory_mb <= 10240
      ]
    ]))
    error_message = "A function has 1 to 900 s and 128 to 10,240 MB, as Lambda has it."
  }
  validation {
    condition = alltrue([for names in [
      flatten([for service in var.inputs.services : keys(service.tables)]),
      flatten([for service in var.inputs.services : keys(service.queues)]),
      flatten([for service in var.inputs.services : service.publishes]),
      flatten([
        for part in concat([for service in var.inputs.services : service.functions], [var.inputs.gateway.functions]) :
        [for function in part : function.name]
      ]),
    ] : length(names) == length(distinct(names))])
    error_message = "A table, queue, topic or function is named by two services: each belongs to one."
  }
  validation {
    condition     = contains(keys(var.inputs.throttles), "default")
    error_message = "throttles needs default: without it API Gateway lets through what the account has."
  }
}

variable "document" {
  description = "The OpenAPI document, decoded. Each operation's integration names a function as $${function-name}, or a service in containers by a header."
  type        = any
}

variable "packages_dir" {
  description = "The folder with the functions' zips."
  type        = string
}

variable "place" {
  description = "Where the shop is: AWS partition, region and account id."
  type        = object({ partition = string, region = string, account = string })
}

variable "snap_start" {
  description = "Whether the functions that answer API Gateway start from a snapshot."
  type        = bool
  default     = true
}

variable "reserved_concurrency" {
  description = "Instances reserved for a function, by its name; the others share what the account has."
  type        = map(number)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.reserved_concurrency), keys(local.functions))) == 0
    error_message = "reserved_concurrency names what is no function: ${join(", ", setsubtract(keys(var.reserved_concurrency), keys(local.functions)))}."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept: one of CloudWatch's own numbers of days."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "alarm_mail" {
  description = "The address to which alarms go, or null."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_mail == null || can(regex("^[^@\\s]+@[^@\\s]+$", var.alarm_mail))
    error_message = "alarm_mail is one address, such as shop@example.org."
  }
}

variable "oldest_message_s" {
  description = "How old a message may grow in a queue before operators are told, in seconds."
  type        = number
  default     = 120

  validation {
    condition     = var.oldest_message_s >= 1
    error_message = "oldest_message_s is a number of seconds, 1 or more."
  }
}

variable "protected" {
  description = "Whether tables, databases, images and the load balancer refuse to be deleted, and secrets can be called back for 30 days."
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

  validation {
    condition     = var.network != null || alltrue([for service in var.inputs.services : service.runtime == "lambda"])
    error_message = "${join(", ", [for name, service in var.inputs.services : name if service.runtime != "lambda"])} in containers: the variable network is missing, with two or three zones."
  }
  validation {
    condition     = var.network == null || anytrue([for service in var.inputs.services : service.runtime != "lambda"])
    error_message = "The variable network is given, and no service's runtime is ecs or eks. If some are in containers, the inputs were rendered without --runtime, and their databases would be deleted."
  }
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

  validation {
    condition     = var.kubernetes == null || anytrue([for service in var.inputs.services : service.runtime == "eks"])
    error_message = "The variable kubernetes is given, and no service's runtime is eks."
  }
  validation {
    condition     = var.kubernetes != null || alltrue([for service in var.inputs.services : service.runtime != "eks"])
    error_message = "${join(", ", [for name, service in var.inputs.services : name if service.runtime == "eks"])} on eks: the variable kubernetes is missing, with the version of the cluster."
  }
}

variable "actions_besides" {
  description = "Actions that are granted together with another: what an emulator asks for by names that AWS doesn't have."
  type        = map(list(string))
  default     = {}
}

variable "resources_besides" {
  description = "Resources that an action is granted on besides its own: where an emulator asks for it without naming one."
  type        = map(list(string))
  default     = {}
}
