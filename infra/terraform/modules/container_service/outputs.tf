output "name" {
  description = "The service's name."
  value       = aws_ecs_service.this.name
}
