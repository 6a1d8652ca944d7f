locals {
  arn = {
    sns = "arn:${var.place.partition}:sns:${var.place.region}:${var.place.account}"
    sqs = "arn:${var.place.partition}:sqs:${var.place.region}:${var.place.account}"
  }
  retention_s = 14 * 24 * 3600
}

resource "aws_sns_topic" "this" {
  for_each = var.topics

  name              = each.value
  kms_master_key_id = var.key_arn
}

# The provider waits half a minute for each queue and for each of their policies. So policies stand inside, name others
# by ARNs made of names, and the key is named by its alias: SQS asks for it with the first message, and who sends one
# (topics, functions) is made after the key.
resource "aws_sqs_queue" "dead_letters" {
  for_each = var.queues

  name                      = "${each.key}-dlq"
  message_retention_seconds = local.retention_s
  kms_master_key_id         = var.key_alias
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = ["${local.arn.sqs}:${each.key}"]
  })
}

resource "aws_sqs_queue" "this" {
  for_each = var.queues

  name                       = each.key
  visibility_timeout_seconds = each.value.visibility_s
  message_retention_seconds  = local.retention_s
  receive_wait_time_seconds  = 20
  kms_master_key_id          = var.key_alias
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[each.key].arn
    # The most that SQS takes. It counts what was handed out, also where nobody looked at it: a consumer counts its
    # attempts itself, and gives up with the reason.
    maxReceiveCount = 1000
  })
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "ItsTopicAlone"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "${local.arn.sqs}:${each.key}"
      Condition = { ArnEquals = { "aws:SourceArn" = "${local.arn.sns}:${each.value.topic}" } }
    }]
  })
}

resource "aws_sqs_queue" "unrelayed" {
  for_each = var.relays

  name                      = "${each.value}-unrelayed"
  message_retention_seconds = local.retention_s
  kms_master_key_id         = var.key_alias
}

resource "aws_sns_topic_subscription" "this" {
  for_each = var.queues

  topic_arn            = aws_sns_topic.this[each.value.topic].arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.this[each.key].arn
  raw_message_delivery = true
}
