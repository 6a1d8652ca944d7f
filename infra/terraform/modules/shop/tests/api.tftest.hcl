mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name     = "souk"
  document = jsondecode(file("./tests/fixture/openapi.json"))
  functions = {
    order-service = { name = "order-service", qualifier = "live", invoke_arn = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/order-service/invocations" }
    gateway       = { name = "gateway", qualifier = "live", invoke_arn = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/gateway/invocations" }
    authorizer    = { name = "authorizer", qualifier = "live", invoke_arn = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/authorizer/invocations" }
  }
  authorizer = "authorizer"
  fallback   = "gateway"
  throttles  = { default = { rate = 1000, burst = 2000 }, "POST /orders" = { rate = 50, burst = 100 } }
  log        = { retention_days = 30, key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
}

run "a_route_an_operation" {
  module {
    source = "../api"
  }

  assert {
    condition     = toset(keys(aws_apigatewayv2_route.this)) == toset(["GET /orders", "HEAD /orders", "POST /orders", "GET /orders/{orderId}", "HEAD /orders/{orderId}"])
    error_message = "The routes are the document's operations, HEAD beside each GET, and what is beside them in a path is none."
  }
  assert {
    condition     = { for key, route in aws_apigatewayv2_route.this : key => route.authorization_type } == { "GET /orders" = "CUSTOM", "HEAD /orders" = "CUSTOM", "POST /orders" = "CUSTOM", "GET /orders/{orderId}" = "NONE", "HEAD /orders/{orderId}" = "NONE" }
    error_message = "What names bearer goes by the authorizer, also where a guest may call."
  }
  assert {
    condition     = aws_apigatewayv2_authorizer.this.authorizer_result_ttl_in_seconds == 0 && aws_apigatewayv2_authorizer.this.identity_sources == null && aws_apigatewayv2_authorizer.this.enable_simple_responses
    error_message = "The authorizer sees every request: without an identity source, and with nothing kept."
  }
  assert {
    condition     = toset(keys(aws_apigatewayv2_integration.this)) == toset(["order-service 29000", "order-service 5000", "$default"])
    error_message = "Routes of one function and time limit share an integration; the rest goes to the gateway function."
  }
  assert {
    condition     = toset([for permission in aws_lambda_permission.route : "${permission.function_name}:${permission.qualifier}"]) == toset(["order-service:live", "gateway:live"])
    error_message = "API Gateway may invoke the alias of what it calls, and nothing else."
  }
  assert {
    condition     = [for settings in aws_apigatewayv2_stage.this.route_settings : "${settings.route_key} ${settings.throttling_rate_limit}/${settings.throttling_burst_limit}"] == ["POST /orders 50/100"] && aws_apigatewayv2_stage.this.default_route_settings[0].throttling_rate_limit == 1000
    error_message = "Each throttle is its route's, and default the others'."
  }
}

run "a_function_that_is_not_there" {
  command = plan

  module {
    source = "../api"
  }

  variables {
    functions = {
      gateway    = { name = "gateway", qualifier = "live", invoke_arn = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/gateway/invocations" }
      authorizer = { name = "authorizer", qualifier = "live", invoke_arn = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/authorizer/invocations" }
    }
  }

  expect_failures = [aws_apigatewayv2_api.this]
}

run "a_throttle_of_no_route" {
  command = plan

  module {
    source = "../api"
  }

  variables {
    throttles = { default = { rate = 1, burst = 1 }, "POST /nowhere" = { rate = 1, burst = 1 } }
  }

  expect_failures = [aws_apigatewayv2_api.this]
}

run "an_integration_of_another_type" {
  command = plan

  module {
    source = "../api"
  }

  variables {
    document = { paths = { "/orders" = { get = {
      x-amazon-apigateway-integration = { type = "http_proxy", uri = "order-service", payloadFormatVersion = "1.0", timeoutInMillis = 1000 }
    } } } }
  }

  expect_failures = [aws_apigatewayv2_api.this]
}

run "an_operation_without_an_integration" {
  command = plan

  module {
    source = "../api"
  }

  variables {
    document = { paths = { "/orders" = { get = { operationId = "list_orders" } } } }
  }

  expect_failures = [aws_apigatewayv2_api.this]
}
