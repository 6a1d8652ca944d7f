mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  function = {
    name        = "order-service-events"
    memory_mb   = 512
    timeout_s   = 60
    package     = { bucket = "souk-packages", key = "hash/orders.zip", hash = "aGFzaA==" }
    environment = { SOUK_SERVICE = "orders" }
  }
  statements = [
    { Sid = "Rows", Effect = "Allow", Action = ["dynamodb:GetItem"], Resource = ["arn:aws:dynamodb:eu-west-1:123456789012:table/Orders"], Condition = null },
  ]
  published     = false
  snap_start    = true
  failures_arns = ["arn:aws:sqs:eu-west-1:123456789012:orders-unrelayed"]
  place         = { partition = "aws", region = "eu-west-1", account = "123456789012" }
  log           = { retention_days = 30, key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
}

run "a_role_has_its_permissions_and_its_log" {
  module {
    source = "../function"
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid] == ["OwnLog", "WhatCouldNotBeRelayed", "Rows"]
    error_message = "A role may write its own log, put away what its stream could not hand over, and what its inputs say."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.this.policy).Statement[0].Resource == ["${aws_cloudwatch_log_group.this.arn}:*"]
    error_message = "A function writes into its own log group alone."
  }
  assert {
    condition     = length(aws_iam_role_policy.network) == 0 && length(aws_lambda_function.this.vpc_config) == 0
    error_message = "Without containers to call it is in no network."
  }
  assert {
    condition     = !anytrue([for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : contains(keys(statement), "Condition")])
    error_message = "A statement without a condition has none, and not null."
  }
  assert {
    condition     = aws_lambda_function.this.runtime == "python3.13" && aws_lambda_function.this.handler == "souk_chassis.runtimes.lambda_.handler"
    error_message = "Every function has the chassis' handler on python3.13."
  }
  assert {
    condition     = length(aws_lambda_alias.live) == 0 && length(aws_lambda_function.this.snap_start) == 0
    error_message = "What is not published has no alias and no snapshot."
  }
}

run "what_answers_the_gateway_is_published" {
  module {
    source = "../function"
  }

  variables {
    published = true
  }

  assert {
    condition     = aws_lambda_function.this.publish && aws_lambda_function.this.snap_start[0].apply_on == "PublishedVersions"
    error_message = "A published version starts from a snapshot."
  }
  assert {
    condition     = aws_lambda_alias.live[0].name == "live" && output.invoke_arn == aws_lambda_alias.live[0].invoke_arn && output.qualifier == "live"
    error_message = "API Gateway is given the alias live."
  }
}

run "what_calls_containers_is_in_their_network" {
  module {
    source = "../function"
  }

  variables {
    network = { subnet_ids = ["subnet-1", "subnet-2"], group_id = "sg-1" }
  }

  assert {
    condition     = aws_lambda_function.this.vpc_config[0].subnet_ids == toset(["subnet-1", "subnet-2"]) && aws_lambda_function.this.vpc_config[0].security_group_ids == toset(["sg-1"])
    error_message = "It has the subnets and its own group."
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.network[0].policy).Statement : "${statement.Effect} ${length(statement.Action)}"] == ["Allow 6", "Deny 6"] && jsondecode(aws_iam_role_policy.network[0].policy).Statement[1].Condition.ArnEquals["lambda:SourceFunctionArn"] == ["arn:aws:lambda:eu-west-1:123456789012:function:order-service-events"]
    error_message = "Lambda makes its interfaces as it, and the code itself may not."
  }
}

run "without_snapshots" {
  module {
    source = "../function"
  }

  variables {
    published  = true
    snap_start = false
  }

  assert {
    condition     = aws_lambda_function.this.publish && length(aws_lambda_function.this.snap_start) == 0
    error_message = "Snapshots can be switched off; versions and the alias stay."
  }
}

run "queues_streams_and_the_clock_wake_it" {
  module {
    source = "../sources"
  }

  variables {
    function = { name = "order-service-events", arn = "arn:aws:lambda:eu-west-1:123456789012:function:order-service-events" }
    queues   = { orders-stock-reserved = { arn = "arn:aws:sqs:eu-west-1:123456789012:orders-stock-reserved", batch = 10, concurrency = 7, window_s = 1 } }
    streams = { OrdersEvents = {
      arn          = "arn:aws:dynamodb:eu-west-1:123456789012:table/OrdersEvents/stream/2026-01-01T00:00:00.000"
      failures_arn = "arn:aws:sqs:eu-west-1:123456789012:orders-unrelayed"
    } }
    schedule = "rate(1 minute)"
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue["orders-stock-reserved"].function_response_types == toset(["ReportBatchItemFailures"]) && aws_lambda_event_source_mapping.queue["orders-stock-reserved"].scaling_config[0].maximum_concurrency == 7 && aws_lambda_event_source_mapping.queue["orders-stock-reserved"].maximum_batching_window_in_seconds == 1
    error_message = "A batch answers for each message, and a queue has its concurrency and its pace."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.stream["OrdersEvents"].bisect_batch_on_function_error && aws_lambda_event_source_mapping.stream["OrdersEvents"].destination_config[0].on_failure[0].destination_arn == "arn:aws:sqs:eu-west-1:123456789012:orders-unrelayed"
    error_message = "A poisoned item of the outbox is found by halving, and put away."
  }
  assert {
    condition = [for filter in tolist(aws_lambda_event_source_mapping.stream["OrdersEvents"].filter_criteria[0].filter) : jsondecode(filter.pattern)] == [{
      eventName = ["INSERT"], dynamodb = { Keys = { slot = { S = [{ prefix = "out#" }] } } }
    }]
    error_message = "Only what is new in the outbox wakes the relay: neither the inbox nor its own deleting."
  }
  assert {
    condition     = aws_cloudwatch_event_rule.this[0].schedule_expression == "rate(1 minute)" && aws_lambda_permission.schedule[0].source_arn == aws_cloudwatch_event_rule.this[0].arn
    error_message = "Its own rule wakes the function, and no other may."
  }
}
