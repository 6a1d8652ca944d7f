output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "subnet_ids" {
  description = "The private subnets, in the zones' order."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]
}

output "prefix_lists" {
  description = "The addresses behind the gateway endpoints, by name: dynamodb, s3."
  value       = { for name, endpoint in aws_vpc_endpoint.gateway : name => endpoint.prefix_list_id }
}
