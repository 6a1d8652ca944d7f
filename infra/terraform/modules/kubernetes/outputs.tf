output "name" {
  description = "The cluster's name, known once its pods have their roles."
  value       = aws_eks_cluster.this.name
  depends_on  = [aws_eks_pod_identity_association.this]
}

output "group_id" {
  description = "The security group that EKS gives the nodes and its own side."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "roles" {
  description = "The role of each service's pods, by label, and of the two controllers, by name."
  value       = { for name, role in aws_iam_role.pod : name => role.arn }
}
