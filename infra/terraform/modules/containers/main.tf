# Everything that services in containers stand on, made where one service is in containers, and not otherwise. Which of
# them runs on ECS and which on EKS, each says for itself; the network, the load balancer and the databases are shared.
locals {
  on_ecs = { for name, service in var.services : name => service if service.runtime == "ecs" }
  on_eks = { for name, service in var.services : name => service if service.runtime == "eks" }
  log    = { retention_days = var.log_retention_days, key_arn = var.keys.logs }

  instances = { for name, instance in var.instances : name => instance.services }
  stands_in = merge([for instance, names in local.instances : { for name in names : name => instance }]...)

  images = { for repository in distinct(concat([for service in var.services : service.image], [var.provision.image])) :
    repository => try(var.image_tags[trimprefix(repository, "${var.project}/")], null)
  }
  # Those of network.outside that are in the network, and have nowhere to go.
  idle = [for name in setintersection(var.network.outside, local.leaving[*].service) : name if length(flatten([for each in local.leaving : each.ports if each.service == name])) == 0]
  zone = distinct([for service in var.services : join(".", slice(split(".", service.host), 1, length(split(".", service.host))))])
}

resource "terraform_data" "settings" {
  lifecycle {
    precondition {
      condition     = length([for repository, tag in local.images : repository if tag == null]) == 0
      error_message = "image_tags needs the tag of each image: missing are ${join(", ", [for repository, tag in local.images : trimprefix(repository, "${var.project}/") if tag == null])}."
    }
    precondition {
      condition     = length(setsubtract(keys(var.image_tags), [for repository in keys(local.images) : trimprefix(repository, "${var.project}/")])) == 0
      error_message = "image_tags names images that nothing runs: ${join(", ", setsubtract(keys(var.image_tags), [for repository in keys(local.images) : trimprefix(repository, "${var.project}/")]))}."
    }
    precondition {
      condition     = length(local.zone) == 1
      error_message = "Services in containers have hosts in one private zone; here are ${join(", ", local.zone)}."
    }
    precondition {
      condition     = var.network.nat != "none" || length(var.network.outside) == 0
      error_message = "network.outside lets ${join(", ", var.network.outside)} out to the internet: that needs network.nat single or zone."
    }
    precondition {
      condition     = var.network.nat != "none" || var.network.endpoints != "none"
      error_message = "With network.nat none and network.endpoints none nothing in the network reaches AWS: choose one of them."
    }
    precondition {
      condition     = length(setsubtract(var.network.outside, local.leaving[*].service)) == 0
      error_message = "network.outside names what is not in the network: ${join(", ", setsubtract(var.network.outside, local.leaving[*].service))}."
    }
    precondition {
      condition     = length(local.idle) == 0
      error_message = "network.outside lets out ${join(", ", local.idle)}, whose manifest reaches nothing outside."
    }
    precondition {
      condition     = contains(var.network.outside, "gateway") || !contains([for each in local.leaving : each.service if length(each.ports) > 0], "gateway")
      error_message = "The function gateway passes requests on to another application, and is in the network: name it in network.outside, which needs network.nat single or zone."
    }
  }
}

module "network" {
  source = "../network"

  project = var.project
  place   = var.place
  cidr    = var.network.cidr
  zones   = var.network.zones
  nat     = var.network.nat
  flows   = var.network.flows
  log     = local.log
}

module "groups" {
  source = "../groups"

  project      = var.project
  vpc_id       = module.network.vpc_id
  groups       = local.groups
  edges        = local.edges
  prefix_lists = module.network.prefix_lists
}

# The cluster's group is EKS' own, and is there after the cluster: edges with it are made after the others.
module "cluster_edges" {
  source = "../groups"
  count  = length(local.on_eks) > 0 ? 1 : 0

  project = var.project
  vpc_id  = module.network.vpc_id
  groups  = {}
  given   = merge(module.groups.ids, { cluster = module.kubernetes[0].group_id })
  edges   = local.cluster_edges
}

module "endpoints" {
  source = "../endpoints"

  project    = var.project
  place      = var.place
  services   = local.endpoints
  vpc_id     = module.network.vpc_id
  subnet_ids = var.network.endpoints == "one_zone" ? slice(module.network.subnet_ids, 0, 1) : module.network.subnet_ids
  group_id   = module.groups.ids["endpoints"]
}

module "load_balancer" {
  source = "../load_balancer"

  project    = var.project
  vpc_id     = module.network.vpc_id
  subnet_ids = module.network.subnet_ids
  group_id   = module.groups.ids["load-balancer"]
  zone       = local.zone[0]
  header     = "x-souk-service"
  services   = { for service in var.services : service.label => { port = service.port, host = service.host, header = service.header } }
  protected  = var.protected
}

module "registry" {
  source = "../registry"

  repositories = toset(keys(local.images))
  key_arn      = var.keys.images
  images_kept  = var.images_kept
  protected    = var.protected
}

module "database" {
  source   = "../database"
  for_each = local.instances

  name            = var.database.shared ? var.project : "${var.project}-${each.key}"
  settings        = var.database
  subnet_ids      = module.network.subnet_ids
  group_id        = module.groups.ids["database-${each.key}"]
  key_arn         = var.keys.database
  secrets_key_arn = var.keys.secrets
  log             = local.log
  protected       = var.protected
}

module "kubernetes" {
  source = "../kubernetes"
  count  = length(local.on_eks) > 0 ? 1 : 0

  name       = var.project
  place      = var.place
  settings   = var.kubernetes
  namespace  = var.project
  subnet_ids = module.network.subnet_ids
  services = { for service in local.on_eks : service.label => {
    statements       = service.statements
    secrets          = service.secrets
    target_group_arn = module.load_balancer.target_groups[service.label].arn
  } }
  key_arn         = var.keys.kubernetes
  secrets_key_arn = var.keys.secrets
  log             = local.log
}
