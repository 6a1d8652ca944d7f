mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  place     = { partition = "aws", region = "eu-west-1", account = "123456789012" }
  topics    = ["order-created", "stock-reserved"]
  queues    = { orders-stock-reserved = { topic = "stock-reserved", visibility_s = 360 } }
  relays    = ["orders"]
  key_arn   = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  key_alias = "alias/souk-bus"
}

run "a_queue_a_consumer_with_its_dead_letters" {
  module {
    source = "../bus"
  }

  assert {
    condition     = toset(keys(aws_sqs_queue.this)) == toset(["orders-stock-reserved"]) && aws_sqs_queue.dead_letters["orders-stock-reserved"].name == "orders-stock-reserved-dlq"
    error_message = "Each consumer's queue has a dead-letter queue, <queue>-dlq."
  }
  assert {
    condition     = jsondecode(aws_sqs_queue.this["orders-stock-reserved"].redrive_policy).maxReceiveCount == 1000
    error_message = "SQS itself gives a message up as late as it can: its consumer counts the attempts."
  }
  assert {
    condition     = jsondecode(aws_sqs_queue.this["orders-stock-reserved"].redrive_policy).deadLetterTargetArn == aws_sqs_queue.dead_letters["orders-stock-reserved"].arn
    error_message = "A queue's dead letters go to its own dead-letter queue."
  }
  assert {
    condition     = jsondecode(aws_sqs_queue.dead_letters["orders-stock-reserved"].redrive_allow_policy).sourceQueueArns == ["arn:aws:sqs:eu-west-1:123456789012:orders-stock-reserved"]
    error_message = "A dead-letter queue takes from its own queue alone."
  }
  assert {
    condition     = aws_sns_topic_subscription.this["orders-stock-reserved"].raw_message_delivery
    error_message = "A message is what was published, with its attributes, and not SNS's envelope."
  }
}

run "only_its_topic_may_send" {
  module {
    source = "../bus"
  }

  assert {
    condition = [for statement in jsondecode(aws_sqs_queue.this["orders-stock-reserved"].policy).Statement : {
      who = statement.Principal, what = statement.Action, from = statement.Condition.ArnEquals["aws:SourceArn"]
      }] == [{
      who = { Service = "sns.amazonaws.com" }, what = "sqs:SendMessage", from = "arn:aws:sns:eu-west-1:123456789012:stock-reserved"
    }]
    error_message = "A queue lets its own topic send, and nothing else."
  }
  assert {
    condition = alltrue([for queue in concat(values(aws_sqs_queue.this), values(aws_sqs_queue.dead_letters), values(aws_sqs_queue.unrelayed)) :
      queue.kms_master_key_id == "alias/souk-bus" && queue.message_retention_seconds == 1209600
    ])
    error_message = "Every queue is encrypted with the shop's own key, and keeps messages for 14 days."
  }
}
