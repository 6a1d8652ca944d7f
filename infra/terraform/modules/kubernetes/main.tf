# A cluster of EKS with nodes of its own, for services whose runtime is eks. What runs on it comes from
# infra/kubernetes; here is what only AWS can give: the cluster, its nodes, and a role a service.
locals {
  addons = {
    eks-pod-identity-agent = null
    kube-proxy             = null
    # Pods have security groups of their own in place of the nodes', and NetworkPolicies hold. What leaves the VPC keeps
    # the pod's address: else it leaves by the node's, whose group lets everything out.
    vpc-cni = jsonencode({
      enableNetworkPolicy = "true"
      env = {
        ENABLE_POD_ENI                    = "true"
        POD_SECURITY_GROUP_ENFORCING_MODE = "standard"
        AWS_VPC_K8S_CNI_EXTERNALSNAT      = "true"
      }
    })
  }
  # Active only where a node runs them: names, and the use of processors by which pods are scaled.
  addons_on_nodes = toset(["coredns", "metrics-server"])
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/eks/${var.name}/cluster"
  retention_in_days = var.log.retention_days
  kms_key_id        = var.log.key_arn
}

resource "aws_eks_cluster" "this" {
  name                          = var.name
  version                       = var.settings.version
  role_arn                      = aws_iam_role.cluster.arn
  enabled_cluster_log_types     = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
  bootstrap_self_managed_addons = false

  access_config {
    authentication_mode                         = "API"
    bootstrap_cluster_creator_admin_permissions = true
  }

  encryption_config {
    resources = ["secrets"]
    provider {
      key_arn = var.key_arn
    }
  }

  vpc_config {
    subnet_ids              = var.subnet_ids
    endpoint_private_access = true
    endpoint_public_access  = length(var.settings.public_cidrs) > 0
    public_access_cidrs     = length(var.settings.public_cidrs) > 0 ? var.settings.public_cidrs : null
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy_attachment.cluster]
}

resource "aws_launch_template" "this" {
  name        = "${var.name}-node"
  description = "Nodes of ${var.name}"

  # Session tokens, and one hop: a pod cannot ask for the node's role.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size = 20
      volume_type = "gp3"
      encrypted   = true
    }
  }

  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "${var.name}-node" }
  }
}

resource "aws_eks_node_group" "this" {
  cluster_name           = aws_eks_cluster.this.name
  node_group_name_prefix = "services-"
  node_role_arn          = aws_iam_role.node.arn
  subnet_ids             = var.subnet_ids
  instance_types         = [var.settings.node_type]
  ami_type               = "AL2023_x86_64_STANDARD" # The images are for this processor.

  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.latest_version
  }

  scaling_config {
    min_size     = var.settings.nodes_least
    max_size     = var.settings.nodes_most
    desired_size = var.settings.nodes_least
  }

  update_config {
    max_unavailable = 1
  }

  # Nodes of another type or with another zone are another group: pods go over to it before the old one ends. How many
  # there are is an autoscaler's to say, where there is one.
  lifecycle {
    create_before_destroy = true
    ignore_changes        = [scaling_config[0].desired_size]
  }

  # Without the network's add-on no node becomes ready.
  depends_on = [aws_eks_addon.this, aws_iam_role_policy_attachment.node]
}

resource "aws_eks_addon" "this" {
  for_each = local.addons

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  configuration_values        = each.value
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
}

resource "aws_eks_addon" "on_nodes" {
  for_each = local.addons_on_nodes

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  depends_on = [aws_eks_node_group.this]
}
