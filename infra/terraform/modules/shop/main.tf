# The whole shop from one JSON of inputs. The environments differ in where it stands and in nothing of what it is.
locals {
  services = var.inputs.services
  tables   = merge([for service in local.services : service.tables]...)
  topics   = toset(flatten([for service in local.services : service.publishes]))
  queues = merge([for service in local.services : {
    for name, queue in service.queues : name => merge(queue, {
      # Six times the function's limit is AWS's own advice: a batch may be tried again within it.
      # A container hides a message for half a minute, the time of putting it into the inbox.
      visibility_s = service.container == null ? 6 * service.functions.events.timeout_s : 30
    })
  }]...)
  relays = { for name, service in local.services : name => [for table, keys in service.tables : table if keys.streams] }

  # What answers API Gateway is published and called by an alias, so that it can start from a snapshot.
  functions = merge(concat(
    [for service, declared in local.services : {
      for part, function in declared.functions : function.name => merge(function, {
        service   = service
        published = part == "api"
        woken     = part == "events"
        queues    = part == "events" ? declared.queues : {}
        streams   = part == "events" ? { for table in local.relays[service] : table => service } : {}
        schedule  = part == "events" ? declared.schedule : null
      })
    }],
    [{
      for part, function in var.inputs.gateway.functions : function.name => merge(function, {
        service = "gateway", published = true, woken = false, queues = {}, streams = {}, schedule = null
      })
    }],
  )...)
}

module "keys" {
  source = "../keys"

  names = toset(concat(
    ["tables", "bus", "secrets", "logs"],
    length(local.contained) > 0 ? ["database", "images"] : [],
    anytrue([for service in local.contained : service.runtime == "eks"]) ? ["kubernetes"] : [],
  ))

  project = var.inputs.project
  place   = var.place
}

module "table" {
  source   = "../table"
  for_each = local.tables

  name      = each.key
  table     = each.value
  key_arn   = module.keys.arns["tables"]
  protected = var.protected
}

module "bus" {
  source = "../bus"

  place  = var.place
  topics = local.topics
  queues = { for name, queue in local.queues : name => {
    topic = queue.topic, visibility_s = queue.visibility_s
  } }
  relays    = toset([for service, tables in local.relays : service if length(tables) > 0])
  key_arn   = module.keys.arns["bus"]
  key_alias = module.keys.aliases["bus"]
}

module "secret" {
  source   = "../secret"
  for_each = local.services

  name          = "${var.inputs.project}/${each.key}/key"
  description   = "The private key, in PEM, with which ${each.value.label} signs its tokens"
  key_arn       = module.keys.arns["secrets"]
  recovery_days = var.protected ? 30 : 0
}

# In containers a service has besides the URL of its database, with the password of its role.
module "database_secret" {
  source   = "../secret"
  for_each = local.contained

  name          = "${var.inputs.project}/${each.key}/database"
  description   = "DATABASE_URL of ${each.value.label}"
  key_arn       = module.keys.arns["secrets"]
  recovery_days = var.protected ? 30 : 0
}

module "passwords" {
  source   = "../secret"
  for_each = local.instances

  name          = "${var.inputs.project}/passwords/${each.key}"
  description   = "The passwords of the roles of ${join(", ", each.value)} in PostgreSQL, in JSON, for the provision task"
  key_arn       = module.keys.arns["secrets"]
  recovery_days = var.protected ? 30 : 0
}

module "packages" {
  source = "../packages"

  bucket = "${var.inputs.project}-packages-${var.place.account}-${var.place.region}"
  packages = { for name in distinct([for function in local.functions : function.package]) :
    name => "${var.packages_dir}/${name}"
  }
}

module "function" {
  source   = "../function"
  for_each = local.functions

  function = {
    name      = each.value.name
    memory_mb = each.value.memory_mb
    timeout_s = each.value.timeout_s
    package   = module.packages.packages[each.value.package]
    environment = merge(
      { SOUK_JWKS = jsonencode(var.inputs.jwks), SOUK_TOPICS = "${local.prefix.sns}:" },
      each.value.environment,
    )
  }
  statements    = local.statements[each.key]
  published     = each.value.published
  snap_start    = var.snap_start
  reserved      = lookup(var.reserved_concurrency, each.key, null)
  failures_arns = [for service in distinct(values(each.value.streams)) : local.arns["unrelayed/${service}"]]
  network = length(each.value.reaches) == 0 ? null : {
    subnet_ids = module.containers[0].subnet_ids
    group_id   = module.containers[0].group_ids["function-${each.key}"]
  }
  place = var.place
  log   = { retention_days = var.log_retention_days, key_arn = module.keys.arns["logs"] }
}

module "sources" {
  source   = "../sources"
  for_each = { for name, function in local.functions : name => function if function.woken }

  function = { name = module.function[each.key].name, arn = module.function[each.key].arn }
  queues = { for name, queue in each.value.queues : name => {
    arn = module.bus.queue_arns[name], batch = queue.batch, concurrency = queue.concurrency, window_s = queue.window_s
  } }
  streams = { for table, service in each.value.streams : table => {
    arn = module.table[table].stream_arn, failures_arn = module.bus.unrelayed_arns[service]
  } }
  schedule = each.value.schedule
}

module "api" {
  source = "../api"

  name     = var.inputs.project
  document = var.document
  functions = { for name, function in module.function : name => {
    name = function.name, qualifier = function.qualifier, invoke_arn = function.invoke_arn
  } if local.functions[name].published }
  authorizer = var.inputs.gateway.functions.authorizer.name
  fallback   = var.inputs.gateway.functions.gateway.name
  throttles  = var.inputs.throttles
  containers = length(local.contained) == 0 ? null : {
    services     = [for service in local.contained : service.label]
    listener_arn = module.containers[0].listener_arn
    subnet_ids   = module.containers[0].subnet_ids
    group_id     = module.containers[0].group_ids["vpc-link"]
  }
  log = { retention_days = var.log_retention_days, key_arn = module.keys.arns["logs"] }
}

module "alarms" {
  source = "../alarms"

  project      = var.inputs.project
  functions    = toset(keys(local.functions))
  api_id       = module.api.id
  queues       = toset(keys(local.queues))
  dead_letters = toset(concat([for name in keys(local.queues) : "${name}-dlq"], [for service, tables in local.relays : "${service}-unrelayed" if length(tables) > 0]))
  oldest_s     = var.oldest_message_s
  mail         = var.alarm_mail
  key_arn      = module.keys.arns["bus"]
  containers   = one(module.containers[*].watched)
}
