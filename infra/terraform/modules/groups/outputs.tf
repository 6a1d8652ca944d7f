output "ids" {
  description = "Id of each group that was made, by name, known once its rules are there."
  value       = { for name, group in aws_security_group.this : name => group.id }
}
