output "arn" {
  description = "The function's ARN, known once its role may do what it needs: Lambda refuses to poll for one that may not."
  value       = aws_lambda_function.this.arn
  depends_on  = [aws_iam_role_policy.this]
}

output "name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "qualifier" {
  description = "The alias by which API Gateway calls it, or null."
  value       = one(aws_lambda_alias.live[*].name)
}

output "invoke_arn" {
  description = "What an integration or authorizer of API Gateway is given: the alias's, where there is one."
  value       = var.published ? aws_lambda_alias.live[0].invoke_arn : aws_lambda_function.this.invoke_arn
}

output "role_arn" {
  description = "The role that it runs as."
  value       = aws_iam_role.this.arn
}
