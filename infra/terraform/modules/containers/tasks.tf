# Services on ECS, and the task that makes the databases and roles: it is run by hand, once and again when a service
# comes.
module "container_cluster" {
  source = "../container_cluster"

  name = var.project
}

module "task" {
  source   = "../container_task"
  for_each = local.on_ecs

  project = var.project
  place   = var.place
  task = {
    name        = each.value.label
    image       = "${module.registry.urls[each.value.image]}:${coalesce(local.images[each.value.image], "missing")}"
    cpu         = each.value.cpu
    memory_mib  = each.value.memory_mib
    port        = each.value.port
    environment = merge(local.added, each.value.environment)
    secrets     = each.value.secrets
  }
  repository_arn  = module.registry.arns[each.value.image]
  statements      = each.value.statements
  secrets_key_arn = var.keys.secrets
  log             = local.log
}

module "service" {
  source   = "../container_service"
  for_each = var.running ? local.on_ecs : {}

  name       = each.value.label
  cluster    = { arn = module.container_cluster.arn, name = module.container_cluster.name }
  task_arn   = module.task[each.key].arn
  port       = each.value.port
  replicas   = each.value.replicas
  scaling    = var.scaling
  subnet_ids = module.network.subnet_ids
  group_id   = module.groups.ids[each.value.label]
  target = {
    group_arn      = module.load_balancer.target_groups[each.value.label].arn
    resource_label = "${module.load_balancer.arn_suffix}/${module.load_balancer.target_groups[each.value.label].arn_suffix}"
  }

  # What a task asks for when it starts: images, logs, secrets, its database, the names of the others; and a
  # way there. Three tasks that fail at that would end the deployment for good.
  depends_on = [module.network, module.endpoints, module.groups, module.database]
}

module "provision" {
  source   = "../container_task"
  for_each = local.instances

  project = var.project
  place   = var.place
  task = {
    name       = var.database.shared ? "provision" : "provision-${each.key}"
    image      = "${module.registry.urls[var.provision.image]}:${coalesce(local.images[var.provision.image], "missing")}"
    cpu        = 256
    memory_mib = 512
    environment = merge(var.provision.environment, local.room[each.key], {
      SOUK_ADMIN_URL = module.database[each.key].admin_url
    })
    secrets = {
      PGPASSWORD     = "${module.database[each.key].master_secret_arn}:password::"
      SOUK_PASSWORDS = var.instances[each.key].passwords_arn
    }
  }
  repository_arn  = module.registry.arns[var.provision.image]
  statements      = []
  secrets_key_arn = var.keys.secrets
  log             = local.log
}

locals {
  added = { SOUK_JWKS = jsonencode(var.jwks), SOUK_TOPICS = var.topics, AWS_REGION = var.place.region }
  # Of the services that have their databases in that instance.
  room = { for instance, names in local.instances : instance => {
    for variable, table in var.provision.environment : variable => jsonencode({
      for name, value in jsondecode(table) : name => value if contains(names, name)
    }) if can(keys(jsondecode(table)))
  } }
}
