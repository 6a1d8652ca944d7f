locals {
  runtime = "python3.13"
  handler = "souk_chassis.runtimes.lambda_.handler"
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_338:How long logs are kept is the shop's to say (log_retention_days), and costs by the day.
  name              = "/aws/lambda/${var.function.name}"
  retention_in_days = var.log.retention_days
  kms_key_id        = var.log.key_arn
}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_50:Traces leave by OpenTelemetry, where an endpoint is given, and not by X-Ray.
  # checkov:skip=CKV_AWS_115:Reserving concurrency takes it from the others; mappings have limits of their own.
  # checkov:skip=CKV_AWS_116:What comes asynchronously is a schedule's tick: the next one does what this one missed.
  # checkov:skip=CKV_AWS_117:In the network where it calls containers. All else that it speaks to is a public AWS endpoint, which would cost there.
  # checkov:skip=CKV_AWS_173:The environment holds names and public keys. Secrets are in Secrets Manager.
  # checkov:skip=CKV_AWS_272:The zip's hash is in the plan; signing would need a profile that the account has to bring.
  function_name                  = var.function.name
  role                           = aws_iam_role.this.arn
  runtime                        = local.runtime
  handler                        = local.handler
  architectures                  = ["x86_64"]
  s3_bucket                      = var.function.package.bucket
  s3_key                         = var.function.package.key
  source_code_hash               = var.function.package.hash
  memory_size                    = var.function.memory_mb
  timeout                        = var.function.timeout_s
  reserved_concurrent_executions = var.reserved
  publish                        = var.published

  dynamic "environment" {
    for_each = length(var.function.environment) == 0 ? [] : [var.function.environment]
    content {
      variables = environment.value
    }
  }

  dynamic "snap_start" {
    for_each = var.published && var.snap_start ? ["PublishedVersions"] : []
    content {
      apply_on = snap_start.value
    }
  }

  dynamic "vpc_config" {
    for_each = var.network == null ? [] : [var.network]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = [vpc_config.value.group_id]
    }
  }

  logging_config {
    log_format = "Text" # The lines are JSON already.
    log_group  = aws_cloudwatch_log_group.this.name
  }

  # Lambda refuses to put a function into a network whose role may not make its interfaces.
  depends_on = [aws_iam_role_policy.network]
}

# SnapStart serves versions, and an alias is the one name that goes on from each to the next.
resource "aws_lambda_alias" "live" {
  count = var.published ? 1 : 0

  name             = "live"
  description      = "The version that API Gateway calls."
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}
