output "arns" {
  description = "ARN of each key by what it encrypts."
  value       = { for name, key in aws_kms_key.this : name => key.arn }
}

output "aliases" {
  description = "Alias of each key, known before it is made."
  value       = { for name in keys(local.through) : name => "alias/${var.project}-${name}" }
}

output "through" {
  description = "The services through which each key may be used, for the conditions of the roles' policies."
  value       = local.through
}
