resource "aws_cloudwatch_log_group" "access" {
  # checkov:skip=CKV_AWS_338:How long logs are kept is the shop's to say (log_retention_days), and costs by the day.
  name              = "/aws/vendedlogs/${var.name}/api" # Under this prefix API Gateway needs no policy for each group.
  retention_in_days = var.log.retention_days
  kms_key_id        = var.log.key_arn
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  # No metrics by route: each would cost as much as an alarm, and the access log names the route.
  default_route_settings {
    throttling_rate_limit  = var.throttles["default"].rate
    throttling_burst_limit = var.throttles["default"].burst
  }

  dynamic "route_settings" {
    for_each = merge(
      { for route, throttle in var.throttles : route => throttle if route != "default" },
      { for route, throttle in var.throttles : replace(route, "/^GET/", "HEAD") => throttle if startswith(route, "GET ") },
    )
    content {
      route_key              = route_settings.key
      throttling_rate_limit  = route_settings.value.rate
      throttling_burst_limit = route_settings.value.burst
    }
  }

  # No query and no header: they may carry what is nobody's business.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      timestamp    = "$context.requestTimeEpoch"
      requestId    = "$context.requestId"
      route        = "$context.routeKey"
      path         = "$context.path"
      status       = "$context.status"
      ip           = "$context.identity.sourceIp"
      latency_ms   = "$context.responseLatency"
      function_ms  = "$context.integrationLatency"
      authorize_ms = "$context.authorizer.latency"
      error        = "$context.integrationErrorMessage"
    })
  }

  # Settings of a route that is not there yet are refused.
  depends_on = [aws_apigatewayv2_route.this]
}

resource "aws_lambda_permission" "route" {
  for_each = local.called

  statement_id  = "Api"
  action        = "lambda:InvokeFunction"
  function_name = var.functions[each.key].name
  qualifier     = var.functions[each.key].qualifier
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*/*" # Every stage and route of this API, and no other's.
}

resource "aws_lambda_permission" "authorizer" {
  statement_id  = "Authorizer"
  action        = "lambda:InvokeFunction"
  function_name = var.functions[var.authorizer].name
  qualifier     = var.functions[var.authorizer].qualifier
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.this.id}"
}
