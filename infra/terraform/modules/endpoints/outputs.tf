output "services" {
  description = "The services of AWS that have an endpoint."
  value       = sort(keys(aws_vpc_endpoint.this))
}
