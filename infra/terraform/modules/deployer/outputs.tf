output "role_arns" {
  description = "The roles that build and deploy."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}
