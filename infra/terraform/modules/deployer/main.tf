# Two roles of one service, for the workflows of one repository on GitHub: who builds may push, who deploys may change
# what runs, and no other service's. Nobody has a key: GitHub says by a signed token which repository and which workflow
# ask, and from where.
locals {
  arn = {
    ecr        = "arn:${var.place.partition}:ecr:${var.place.region}:${var.place.account}"
    ecs        = "arn:${var.place.partition}:ecs:${var.place.region}:${var.place.account}"
    eks        = "arn:${var.place.partition}:eks:${var.place.region}:${var.place.account}"
    iam        = "arn:${var.place.partition}:iam::${var.place.account}"
    logs       = "arn:${var.place.partition}:logs:${var.place.region}:${var.place.account}"
    lambda     = "arn:${var.place.partition}:lambda:${var.place.region}:${var.place.account}"
    cloudwatch = "arn:${var.place.partition}:cloudwatch:${var.place.region}:${var.place.account}"
  }
  repository = "${local.arn.ecr}:repository/${var.project}/${var.label}"
  issuer     = "token.actions.githubusercontent.com"

  # The token is of a job: on the main branch, or in the environment, to which GitHub lets what its people approved.
  subjects = {
    build  = "repo:${var.repository}:ref:refs/heads/${var.branch}"
    deploy = "repo:${var.repository}:environment:${var.environment}"
  }

  # The one file that does both, as it stands on the branch: another workflow, or this one on another branch, is refused.
  # AWS looks at this claim since January 2026, in its commercial regions.
  asks = var.place.partition != "aws" ? {} : {
    "${local.issuer}:job_workflow_ref" = "${replace(var.repository, "/@[0-9]+/", "")}/${var.workflow}@refs/heads/${var.branch}"
  }

  reads = [
    { Sid = "SignsInToTheRegistry", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] }, # It names no repository.
    {
      Sid      = "ReadsItsImage"
      Effect   = "Allow"
      Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer"]
      Resource = [local.repository]
    },
  ]

  push = [{
    Sid      = "PushesItsImage"
    Effect   = "Allow"
    Action   = ["ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"]
    Resource = [local.repository]
  }]

  functions = length(var.functions) == 0 ? [] : [
    {
      Sid    = "ChangesItsFunctions"
      Effect = "Allow"
      Action = [
        "lambda:GetFunction", "lambda:GetFunctionConfiguration", "lambda:UpdateFunctionCode", "lambda:PublishVersion",
        "lambda:GetAlias", "lambda:UpdateAlias",
      ]
      # A version and the alias are asked for by the function's name with the qualifier behind it.
      Resource = flatten([for name in sort(tolist(var.functions)) : [
        "${local.arn.lambda}:function:${name}", "${local.arn.lambda}:function:${name}:*",
      ]])
    },
    {
      Sid      = "SeesTheirAlarms"
      Effect   = "Allow"
      Action   = ["cloudwatch:DescribeAlarms"]
      Resource = [for name in sort(tolist(var.functions)) : "${local.arn.cloudwatch}:alarm:${var.project}-${name}-errors"]
    },
    {
      Sid      = "ReadsTheirLogs"
      Effect   = "Allow"
      Action   = ["logs:FilterLogEvents"]
      Resource = [for name in sort(tolist(var.functions)) : "${local.arn.logs}:log-group:/aws/lambda/${name}:*"]
    },
  ]

  containers = [
    {
      Sid      = "ChangesItsTasks"
      Effect   = "Allow"
      Action   = ["ecs:DescribeServices", "ecs:UpdateService"]
      Resource = ["${local.arn.ecs}:service/${var.cluster}/${var.label}"]
    },
    { # Neither names a resource. What a task may do is said by the roles that it is given, below.
      Sid      = "WritesTaskDefinitions"
      Effect   = "Allow"
      Action   = ["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"]
      Resource = ["*"]
    },
    {
      Sid      = "KeepsTheirTags"
      Effect   = "Allow"
      Action   = ["ecs:TagResource"]
      Resource = ["${local.arn.ecs}:task-definition/${var.label}:*"]
    },
    {
      Sid       = "GivesATaskItsRoles"
      Effect    = "Allow"
      Action    = ["iam:PassRole"]
      Resource  = ["${local.arn.iam}:role/${var.label}-start", "${local.arn.iam}:role/${var.label}-task"]
      Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
    },
    {
      Sid      = "FindsTheCluster"
      Effect   = "Allow"
      Action   = ["eks:DescribeCluster"]
      Resource = ["${local.arn.eks}:cluster/${var.cluster}"]
    },
  ]

  statements = {
    build  = concat(local.reads, local.push)
    deploy = concat(local.reads, local.functions, local.containers)
  }
}

resource "aws_iam_role" "this" {
  for_each = local.subjects

  name                 = "${var.project}-${each.key}-${var.label}"
  description          = "Workflows of ${var.repository}, where they ${each.key} ${var.label}"
  max_session_duration = 7200 # A deployment by steps takes longer than the usual hour.
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = var.provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = merge({ "${local.issuer}:aud" = "sts.amazonaws.com", "${local.issuer}:sub" = each.value }, local.asks)
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = local.statements

  name   = each.key
  role   = aws_iam_role.this[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

# AWS's own sign-in lets nobody do anything: what the group may is in infra/kubernetes/overlays/eks/deployers.yaml.
resource "aws_eks_access_entry" "deploy" {
  count = var.on_eks ? 1 : 0

  cluster_name      = var.cluster
  principal_arn     = aws_iam_role.this["deploy"].arn
  kubernetes_groups = ["${var.project}-deployers"]
}
