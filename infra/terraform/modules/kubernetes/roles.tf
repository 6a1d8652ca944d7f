# Roles of the cluster and its nodes, as EKS wants them; one a service, given to its pods by Pod Identity; and two for
# what is installed beside them: the controller that registers pods at the load balancer, and the one that fetches
# secrets.
locals {
  managed = "arn:${var.place.partition}:iam::aws:policy"
  pods = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Condition = { StringEquals = { "aws:SourceAccount" = var.place.account } }
    }]
  })

  controllers = {
    aws-load-balancer-controller = {
      namespace = "kube-system"
      statements = [
        {
          Sid    = "Looks"
          Effect = "Allow"
          Action = [
            "ec2:DescribeAvailabilityZones", "ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
            "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
          ]
          Resource  = ["*"] # Describing names no resource.
          Condition = null
        },
        {
          Sid       = "Registers"
          Effect    = "Allow"
          Action    = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"]
          Resource  = [for service in var.services : service.target_group_arn]
          Condition = null
        },
      ]
    }
    external-secrets = {
      namespace = "external-secrets"
      statements = [
        {
          Sid       = "SecretsOfItsServices"
          Effect    = "Allow"
          Action    = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
          Resource  = sort(distinct(flatten([for service in var.services : values(service.secrets)])))
          Condition = null
        },
        {
          Sid       = "SecretsKey"
          Effect    = "Allow"
          Action    = ["kms:Decrypt"]
          Resource  = [var.secrets_key_arn]
          Condition = { StringEquals = { "kms:ViaService" = ["secretsmanager.${var.place.region}.amazonaws.com"] } }
        },
      ]
    }
  }

  pod_roles = merge(
    { for label, service in var.services : label => {
      role = "${label}-pod", account = label, namespace = var.namespace, statements = service.statements
    } },
    { for name, controller in local.controllers : name => {
      role = "${var.name}-${name}", account = name, namespace = controller.namespace, statements = controller.statements
    } },
  )
}

resource "aws_iam_role" "cluster" {
  name        = "${var.name}-cluster"
  description = "EKS, where it runs the cluster ${var.name}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow", Principal = { Service = "eks.amazonaws.com" }, Action = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "cluster" {
  # For pods with security groups EKS also makes and removes their network interfaces.
  for_each = toset(["AmazonEKSClusterPolicy", "AmazonEKSVPCResourceController"])

  role       = aws_iam_role.cluster.name
  policy_arn = "${local.managed}/${each.key}"
}

resource "aws_iam_role" "node" {
  name        = "${var.name}-node"
  description = "The nodes of ${var.name}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "node" {
  for_each = toset(["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly"])

  role       = aws_iam_role.node.name
  policy_arn = "${local.managed}/${each.key}"
}

resource "aws_iam_role" "pod" {
  for_each = local.pod_roles

  name               = each.value.role
  description        = "Pods of ${each.value.namespace}/${each.value.account}"
  assume_role_policy = local.pods
}

resource "aws_iam_role_policy" "pod" {
  for_each = { for name, pod in local.pod_roles : name => pod if length(pod.statements) > 0 }

  name = "uses"
  role = aws_iam_role.pod[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for statement in each.value.statements : {
      for name, value in statement : name => value if value != null
    }]
  })
}

resource "aws_eks_pod_identity_association" "this" {
  for_each = local.pod_roles

  cluster_name    = aws_eks_cluster.this.name
  namespace       = each.value.namespace
  service_account = each.value.account
  role_arn        = aws_iam_role.pod[each.key].arn
}
