output "arn" {
  description = "The task definition's ARN, with its revision."
  value       = aws_ecs_task_definition.this.arn
  depends_on  = [aws_iam_role_policy.starts, aws_iam_role_policy.runs]
}

output "role_arn" {
  description = "The role that the code runs as."
  value       = aws_iam_role.runs.arn
}
