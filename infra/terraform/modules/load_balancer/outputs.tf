output "listener_arn" {
  description = "What API Gateway's integrations are given, once its rules are there."
  value       = aws_lb_listener.this.arn
  depends_on  = [aws_lb_listener_rule.header, aws_lb_listener_rule.host]
}

output "arn_suffix" {
  description = "The load balancer, as CloudWatch names it."
  value       = aws_lb.this.arn_suffix
}

output "target_groups" {
  description = "ARN of each target group, and its name at CloudWatch, by label."
  value = { for label, group in aws_lb_target_group.this : label => {
    arn = group.arn, arn_suffix = group.arn_suffix
  } }
  # ECS refuses a target group that no listener names.
  depends_on = [aws_lb_listener_rule.header, aws_lb_listener_rule.host]
}
