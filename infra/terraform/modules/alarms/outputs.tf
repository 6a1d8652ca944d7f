output "topic_arn" {
  description = "The topic that tells the operators."
  value       = aws_sns_topic.operators.arn
}

output "names" {
  description = "The alarms' names."
  value       = sort([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name])
}
