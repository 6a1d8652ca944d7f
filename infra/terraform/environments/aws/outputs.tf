output "url" {
  description = "Where the shop's API answers."
  value       = module.shop.url
}

output "shop" {
  description = "The names of what was made."
  value       = module.shop
}
