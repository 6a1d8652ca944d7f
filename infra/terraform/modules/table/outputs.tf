output "arn" {
  description = "The table's ARN."
  value       = aws_dynamodb_table.this.arn
}

output "stream_arn" {
  description = "The ARN of the stream of changes, empty without one."
  value       = aws_dynamodb_table.this.stream_arn
}
