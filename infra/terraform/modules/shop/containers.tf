# Services in containers, and the functions that call them. Without any nothing of it is made.
locals {
  contained = { for name, service in local.services : name => service if service.container != null }
  # One instance of PostgreSQL for all, or one for each service.
  instances = length(local.contained) == 0 ? {} : (
    var.database.shared ? { shop = keys(local.contained) } : { for name in keys(local.contained) : name => [name] }
  )
  reaching = { for name, function in local.functions : name => function if length(function.reaches) > 0 }
}

module "containers" {
  source = "../containers"
  count  = length(local.contained) > 0 ? 1 : 0

  project = var.inputs.project
  place   = var.place
  jwks    = var.inputs.jwks
  topics  = "${local.prefix.sns}:"
  services = { for name, service in local.contained : name => merge(service.container, {
    label      = service.label
    runtime    = service.runtime
    secrets    = { for variable, secret in service.container.secrets : variable => lookup(local.arns, secret, "unknown:${secret}") }
    statements = local.statements[service.label]
  }) }
  functions = { for name, function in local.reaching : name => {
    service       = function.service
    reaches       = function.reaches
    ports_outside = function.ports_outside
    statements    = local.statements[name]
  } }
  provision = var.inputs.provision
  instances = { for instance, names in local.instances : instance => {
    services = names, passwords_arn = module.passwords[instance].arn
  } }
  keys = {
    logs       = module.keys.arns["logs"]
    secrets    = module.keys.arns["secrets"]
    database   = module.keys.arns["database"]
    images     = module.keys.arns["images"]
    kubernetes = lookup(module.keys.arns, "kubernetes", "")
  }
  image_tags         = var.image_tags
  running            = var.running
  scaling            = var.scaling
  network            = var.network
  database           = var.database
  kubernetes         = var.kubernetes
  images_kept        = var.images_kept
  log_retention_days = var.log_retention_days
  protected          = var.protected
}
