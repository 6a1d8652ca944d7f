output "roles" {
  description = "The roles of each service."
  value       = { for label, deployer in module.deployer : label => deployer.role_arns }
}
