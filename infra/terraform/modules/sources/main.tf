# What wakes the function besides calls: queues, the stream of its events table, the clock.
resource "aws_lambda_event_source_mapping" "queue" {
  for_each = var.queues

  function_name           = var.function.arn
  event_source_arn        = each.value.arn
  batch_size              = each.value.batch
  function_response_types = ["ReportBatchItemFailures"]

  maximum_batching_window_in_seconds = each.value.window_s

  scaling_config {
    maximum_concurrency = each.value.concurrency
  }
}

resource "aws_lambda_event_source_mapping" "stream" {
  for_each = var.streams

  function_name                  = var.function.arn
  event_source_arn               = each.value.arn
  starting_position              = "TRIM_HORIZON"
  batch_size                     = 100
  parallelization_factor         = 10
  maximum_retry_attempts         = 10
  maximum_record_age_in_seconds  = 3600
  bisect_batch_on_function_error = true
  function_response_types        = ["ReportBatchItemFailures"]

  # The table also holds the inbox; the relay wants what is new in the outbox, and not its own deleting of it.
  filter_criteria {
    filter {
      pattern = jsonencode({
        eventName = ["INSERT"]
        dynamodb  = { Keys = { slot = { S = [{ prefix = "out#" }] } } }
      })
    }
  }

  destination_config {
    on_failure {
      destination_arn = each.value.failures_arn
    }
  }
}

resource "aws_cloudwatch_event_rule" "this" {
  count = var.schedule == null ? 0 : 1

  name                = var.function.name
  description         = "Wakes ${var.function.name}"
  schedule_expression = var.schedule
}

resource "aws_cloudwatch_event_target" "this" {
  count = length(aws_cloudwatch_event_rule.this)

  rule = aws_cloudwatch_event_rule.this[0].name
  arn  = var.function.arn

  # A tick that comes late is not worth a try: the next one does its work.
  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 0
  }
}

resource "aws_lambda_permission" "schedule" {
  count = length(aws_cloudwatch_event_rule.this)

  statement_id  = "Schedule"
  action        = "lambda:InvokeFunction"
  function_name = var.function.name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this[0].arn
}
