output "subnet_ids" {
  description = "The private subnets."
  value       = module.network.subnet_ids
}

output "group_ids" {
  description = "Id of each security group, by name."
  value       = module.groups.ids
}

output "listener_arn" {
  description = "The load balancer's listener, to which API Gateway sends."
  value       = module.load_balancer.listener_arn
}

output "watched" {
  description = "What alarms look at: load balancer and target group of each service by label, and the databases' names."
  value = {
    balancer  = module.load_balancer.arn_suffix
    targets   = { for label, group in module.load_balancer.target_groups : label => group.arn_suffix }
    databases = [for instance in keys(local.instances) : var.database.shared ? var.project : "${var.project}-${instance}"]
  }
}

output "images" {
  description = "Where images are pushed to, by repository."
  value       = module.registry.urls
}

output "databases" {
  description = "The databases' hosts, by instance, and which services each is for."
  value = { for instance, names in local.instances : instance => {
    address = module.database[instance].address, services = names, master_secret_arn = module.database[instance].master_secret_arn
  } }
}

output "provision" {
  description = "What `aws ecs run-task` is given to make databases and roles: cluster, tasks, subnets and group."
  value = {
    cluster  = module.container_cluster.name
    tasks    = [for task in module.provision : task.arn]
    subnets  = module.network.subnet_ids
    group_id = module.groups.ids["provision"]
  }
}

output "services" {
  description = "Labels of the services on ECS and on EKS."
  value = {
    ecs = sort([for service in local.on_ecs : service.label])
    eks = sort([for service in local.on_eks : service.label])
  }
}

output "kubernetes" {
  description = "The cluster's name, the roles of its pods, and for kubectl what only AWS can know: the security group of each service's pods. Null without a service on EKS."
  value = length(local.on_eks) == 0 ? null : {
    cluster = module.kubernetes[0].name
    roles   = module.kubernetes[0].roles
    objects = join("---\n", [for service in local.on_eks : yamlencode({
      apiVersion = "vpcresources.k8s.aws/v1beta1"
      kind       = "SecurityGroupPolicy"
      metadata   = { name = service.label, namespace = var.project }
      spec = {
        podSelector    = { matchLabels = { "app.kubernetes.io/name" = service.label } }
        securityGroups = { groupIds = [module.groups.ids[service.label]] }
      }
    })])
  }
}
