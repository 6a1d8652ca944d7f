output "url" {
  description = "Where the shop's API answers."
  value       = module.api.url
}

output "api_id" {
  description = "The API's id."
  value       = module.api.id
}

output "routes" {
  description = "The API's routes."
  value       = module.api.routes
}

output "functions" {
  description = "Names of the functions."
  value       = sort(keys(local.functions))
}

output "roles" {
  description = "The role of each function, by its name."
  value       = { for name, function in module.function : name => function.role_arn }
}

output "tables" {
  description = "Names of the tables."
  value       = sort(keys(local.tables))
}

output "topics" {
  description = "ARN of each topic, by name."
  value       = module.bus.topic_arns
}

output "queues" {
  description = "Names of the consumers' queues; the dead letters of each are in <queue>-dlq."
  value       = sort(keys(local.queues))
}

output "secrets" {
  description = "Names of the secrets, which are made without a value."
  value = concat(
    [for service in sort(keys(local.services)) : "${var.inputs.project}/${service}/key"],
    [for service in sort(keys(local.contained)) : "${var.inputs.project}/${service}/database"],
    [for instance in keys(local.instances) : "${var.inputs.project}/passwords/${instance}"],
  )
}

output "alarm_topic" {
  description = "The topic that tells the operators."
  value       = module.alarms.topic_arn
}

output "containers" {
  description = "Services in containers: images, databases, the provision task, Kubernetes. Null without any."
  value = length(local.contained) == 0 ? null : {
    services   = module.containers[0].services
    images     = module.containers[0].images
    databases  = module.containers[0].databases
    provision  = module.containers[0].provision
    kubernetes = module.containers[0].kubernetes
  }
}
