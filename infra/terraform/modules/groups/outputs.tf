output "ids" {
  description = "Id of each group that was made, by name, known once its rules are there."
  value       = { for name, group in aws_security_group.this : name => group.id }
  depends_on = [
    aws_vpc_security_group_ingress_rule.this, aws_vpc_security_group_egress_rule.this,
    aws_vpc_security_group_egress_rule.prefix_list, aws_vpc_security_group_egress_rule.outside,
  ]
}
