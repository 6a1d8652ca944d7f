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
  value       = [for service in sort(keys(local.services)) : "${var.inputs.project}/${service}/key"]
}

output "alarm_topic" {
  description = "The topic that tells the operators."
  value       = module.alarms.topic_arn
}
