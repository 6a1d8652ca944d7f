# Two roles. ECS starts a task as the one: pulls this image, reads these secrets, writes this log. The code runs as the
# other, which may do what the manifest says and cannot read a secret.
locals {
  trusted = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.place.account } }
    }]
  })
  # A secret is named with the member of it that is taken: arn:...:secret:NAME-AbCdEf:password::
  secret_arns = sort(distinct([for secret in var.task.secrets : join(":", slice(split(":", "${secret}:::"), 0, 7))]))

  starts = concat(
    [
      { Sid = "Registry", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] }, # It names no repository.
      {
        Sid      = "OwnImage"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]
        Resource = [var.repository_arn]
      },
      {
        Sid      = "OwnLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"] # The streams of this group: ECS names them.
      },
    ],
    length(local.secret_arns) == 0 ? [] : [{
      Sid = "OwnSecrets", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = local.secret_arns
    }],
  )
  key = length(local.secret_arns) == 0 ? [] : [{
    Sid       = "SecretsKey"
    Effect    = "Allow"
    Action    = ["kms:Decrypt"]
    Resource  = [var.secrets_key_arn]
    Condition = { StringEquals = { "kms:ViaService" = ["secretsmanager.${var.place.region}.amazonaws.com"] } }
  }]
}

resource "aws_iam_role" "starts" {
  name               = "${var.task.name}-start"
  description        = "ECS, where it starts ${var.task.name}"
  assume_role_policy = local.trusted
}

resource "aws_iam_role_policy" "starts" {
  name = "starts"
  role = aws_iam_role.starts.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.starts, local.key)
  })
}

resource "aws_iam_role" "runs" {
  name               = "${var.task.name}-task"
  description        = "The containers of ${var.task.name}"
  assume_role_policy = local.trusted
}

resource "aws_iam_role_policy" "runs" {
  count = length(var.statements) == 0 ? 0 : 1

  name = "uses"
  role = aws_iam_role.runs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for statement in var.statements : {
      for name, value in statement : name => value if value != null
    }]
  })
}
