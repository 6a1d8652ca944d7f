resource "aws_sns_topic" "operators" {
  name              = "${var.project}-operators"
  kms_master_key_id = var.key_arn
}

resource "aws_sns_topic_subscription" "mail" {
  count = var.mail == null ? 0 : 1

  topic_arn = aws_sns_topic.operators.arn
  protocol  = "email"
  endpoint  = var.mail
}

locals {
  errors = { for name in var.functions : "${name}-errors" => {
    says      = "${name} failed. Its log group is /aws/lambda/${name}."
    namespace = "AWS/Lambda", metric = "Errors", dimensions = { FunctionName = name }
    statistic = "Sum", above = 0, periods = 1
  } }
  # The account's limit throttles, whichever function it hits: one alarm tells as much as one for each.
  throttles = { "throttles" = {
    says      = "Lambda throttled a function: the account's concurrency, or a reserved one, is used up."
    namespace = "AWS/Lambda", metric = "Throttles", dimensions = {}
    statistic = "Sum", above = 0, periods = 3
  } }
  # A function that answers with 5xx has done well by Lambda's count.
  answers = { "api-errors" = {
    says      = "The API answered with 5xx. Logs have each with its code: `{ $.status >= 500 }`."
    namespace = "AWS/ApiGateway", metric = "5xx", dimensions = { ApiId = var.api_id }
    statistic = "Sum", above = 0, periods = 1
  } }
  ages = { for name in var.queues : "${name}-age" => {
    says      = "The oldest message in ${name} waits for more than ${var.oldest_s} s: its consumer fails or is too slow."
    namespace = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", dimensions = { QueueName = name }
    statistic = "Maximum", above = var.oldest_s, periods = 3
  } }
  letters = { for name in var.dead_letters : "${name}-messages" => {
    says      = "There are messages in ${name}: each says why. Redrive them once it is mended."
    namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = name }
    statistic = "Maximum", above = 0, periods = 1
  } }
  faults = { for label, group in var.containers.targets : "${label}-faults" => {
    says       = "${label} answered with 5xx. Its log group is /${var.project}/${label}."
    namespace  = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count"
    dimensions = { LoadBalancer = var.containers.balancer, TargetGroup = group }
    statistic  = "Sum", above = 0, periods = 1
  } }
  unready = { for label, group in var.containers.targets : "${label}-unready" => {
    says       = "A container of ${label} does not answer /health."
    namespace  = "AWS/ApplicationELB", metric = "UnHealthyHostCount"
    dimensions = { LoadBalancer = var.containers.balancer, TargetGroup = group }
    statistic  = "Maximum", above = 0, periods = 5
  } }
  # 5xx of its own: nobody was there to be asked, or he gave no answer. With no container at all the two above say nothing.
  balancer = { for name in length(var.containers.targets) > 0 ? ["load-balancer"] : [] : "${name}-errors" => {
    says       = "The load balancer reached no container of a service, or got no answer: `aws ecs describe-services` says why."
    namespace  = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count"
    dimensions = { LoadBalancer = var.containers.balancer }
    statistic  = "Sum", above = 0, periods = 1
  } }
  processors = { for name in var.containers.databases : "${name}-database-cpu" => {
    says      = "The database ${name} is busy above 80 %: give it a larger class."
    namespace = "AWS/RDS", metric = "CPUUtilization", dimensions = { DBInstanceIdentifier = name }
    statistic = "Average", above = 80, periods = 15
  } }
  storage = { for name in var.containers.databases : "${name}-database-storage" => {
    says      = "The database ${name} has less than 1 GiB left: its storage has grown to storage_most_gb, or grows too slowly."
    namespace = "AWS/RDS", metric = "FreeStorageSpace", dimensions = { DBInstanceIdentifier = name }
    statistic = "Minimum", below = 1073741824, periods = 5
  } }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = merge(
    local.errors, local.throttles, local.answers, local.ages, local.letters,
    local.faults, local.unready, local.balancer, local.processors, local.storage,
  )

  alarm_name          = "${var.project}-${each.key}"
  alarm_description   = each.value.says
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = can(each.value.below) ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = try(each.value.below, each.value.above)
  period              = 60
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.operators.arn]
  ok_actions          = [aws_sns_topic.operators.arn]
}
