output "topic_arns" {
  description = "ARN of each topic by name."
  value       = { for name, topic in aws_sns_topic.this : name => topic.arn }
}

output "queue_arns" {
  description = "ARN of each consumer's queue by name."
  value       = { for name, queue in aws_sqs_queue.this : name => queue.arn }
}

output "unrelayed_arns" {
  description = "ARN of the queue for what a service's stream could not hand over, by service."
  value       = { for name, queue in aws_sqs_queue.unrelayed : name => queue.arn }
}
