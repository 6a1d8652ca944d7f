mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  inputs       = jsondecode(file("./tests/fixture/inputs.json"))
  document     = jsondecode(file("./tests/fixture/openapi.json"))
  packages_dir = "./tests/fixture"
  place        = { partition = "aws", region = "eu-west-1", account = "123456789012" }
}

run "the_whole_shop" {
  assert {
    condition     = toset(output.routes) == toset(["GET /orders", "HEAD /orders", "POST /orders", "GET /orders/{orderId}", "HEAD /orders/{orderId}"])
    error_message = "The API has a route for each operation of the document."
  }
  assert {
    condition     = toset(output.functions) == toset(["order-service", "order-service-events", "product-service-calls", "gateway", "authorizer"])
    error_message = "Every function of the inputs is made."
  }
  assert {
    condition     = toset(output.tables) == toset(["Orders", "OrdersEvents", "Products"]) && toset(output.queues) == toset(["orders-stock-reserved"])
    error_message = "Every table and queue of the inputs is made."
  }
  assert {
    condition     = toset(output.secrets) == toset(["souk/orders/key", "souk/products/key"])
    error_message = "Each service has a secret of its own."
  }
  assert {
    condition     = length(setsubtract(["souk-throttles", "souk-api-errors", "souk-order-service-errors", "souk-orders-stock-reserved-age", "souk-orders-stock-reserved-dlq-messages", "souk-orders-unrelayed-messages"], module.alarms.names)) == 0
    error_message = "Errors, throttles, answers with 5xx, old messages, dead letters and what could not be relayed raise an alarm."
  }
}

run "names_become_arns" {
  assert {
    condition     = local.statements["order-service"][2].Resource == ["arn:aws:lambda:eu-west-1:123456789012:function:product-service-calls"]
    error_message = "function/NAME is that function's ARN."
  }
  assert {
    condition     = local.statements["order-service"][0].Resource[1] == "${local.statements["order-service"][0].Resource[0]}/index/byStatus"
    error_message = "index/TABLE/NAME is that index's ARN."
  }
  assert {
    condition     = local.statements["order-service-events"][0].Resource == ["arn:aws:sqs:eu-west-1:123456789012:orders-stock-reserved", "arn:aws:sqs:eu-west-1:123456789012:orders-stock-reserved-dlq"]
    error_message = "queue/NAME and dead-letters/NAME are those queues' ARNs."
  }
  assert {
    condition     = local.statements["order-service"][1].Condition.StringEquals["kms:ViaService"] == tolist(["dynamodb.eu-west-1.amazonaws.com"]) && local.statements["order-service"][0].Condition == null
    error_message = "A key is used through the service that keeps what it encrypts; other statements have no condition."
  }
  assert {
    condition     = local.functions["order-service"].published && !local.functions["order-service-events"].published && local.functions["authorizer"].published
    error_message = "What answers API Gateway is published, and nothing else."
  }
}

run "what_an_emulator_asks_for_besides" {
  command = plan

  variables {
    actions_besides   = { "sqs:ReceiveMessage" = ["sqs:ReceiveMessageBatch"] }
    resources_besides = { "sqs:ReceiveMessage" = ["*"] }
  }

  assert {
    condition     = toset(local.statements["order-service-events"][0].Action) == toset(["sqs:ReceiveMessage", "sqs:ReceiveMessageBatch"])
    error_message = "An action brings those that are granted together with it."
  }
  assert {
    condition     = contains(local.statements["order-service-events"][0].Resource, "*")
    error_message = "An action brings the resources that it is granted on besides."
  }
}
