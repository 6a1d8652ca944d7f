output "shop" {
  description = "The address of the API, and the names of what was made."
  value       = module.shop
}
