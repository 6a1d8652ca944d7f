output "url" {
  description = "Where the shop's API answers on the emulator, which plays no names of AWS."
  value       = "${var.endpoint}/_aws/execute-api/${module.shop.api_id}"
}

output "shop" {
  description = "The names of what was made."
  value       = module.shop
}
