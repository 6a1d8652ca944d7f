# An HTTP API whose routes and integrations are the document's, one by one: an import of the document would be one
# resource, of which a plan shows no more than that something in it changes.
locals {
  methods = ["get", "put", "post", "delete", "options", "head", "patch"]
  operations = merge([
    for path, item in var.document.paths : {
      for method, operation in item : "${upper(method)} ${path}" => {
        function   = try(regex("[A-Za-z0-9_-]+", operation["x-amazon-apigateway-integration"].uri), "")
        type       = try(operation["x-amazon-apigateway-integration"].type, "")
        format     = try(operation["x-amazon-apigateway-integration"].payloadFormatVersion, "")
        timeout_ms = try(operation["x-amazon-apigateway-integration"].timeoutInMillis, 29000)
        # A guest may call what also takes no token: the authorizer lets everybody through, with who he is.
        authorized = anytrue([for scheme in try(operation.security, []) : contains(keys(scheme), "bearer")])
      } if contains(local.methods, method)
    }
  ]...)

  # Routes of one function with one time limit share an integration.
  integrations = merge(
    { for route, operation in local.operations : "${operation.function} ${operation.timeout_ms}" => operation... },
    { "$default" = [{ function = var.fallback, type = "aws_proxy", format = "2.0", timeout_ms = 29000 }] },
  )
  called = toset([for operations in local.integrations : operations[0].function])
}

resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  description   = try(var.document.info.title, var.name)
  version       = try(var.document.info.version, null)
  protocol_type = "HTTP"

  lifecycle {
    precondition {
      condition     = alltrue([for operation in local.operations : operation.type == "aws_proxy" && operation.format == "2.0"])
      error_message = "Every operation of the OpenAPI document needs an x-amazon-apigateway-integration of type aws_proxy and payload 2.0."
    }
    precondition {
      condition     = length(setsubtract(concat(tolist(local.called), [var.authorizer]), keys(var.functions))) == 0
      error_message = "The OpenAPI document names functions that the inputs don't have: ${join(", ", setsubtract(concat(tolist(local.called), [var.authorizer]), keys(var.functions)))}."
    }
    precondition {
      condition     = length(setsubtract(keys(var.throttles), concat(keys(local.operations), ["default"]))) == 0
      error_message = "Throttles are given for routes that the OpenAPI document doesn't have: ${join(", ", setsubtract(keys(var.throttles), concat(keys(local.operations), ["default"])))}."
    }
  }
}

resource "aws_apigatewayv2_integration" "this" {
  for_each = local.integrations

  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = var.functions[each.value[0].function].invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = each.value[0].timeout_ms
}

resource "aws_apigatewayv2_route" "this" {
  # checkov:skip=CKV_AWS_309:Access is the operation's own: the document says which routes name a caller, and the function answers.
  for_each = local.operations

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.this["${each.value.function} ${each.value.timeout_ms}"].id}"
  authorization_type = each.value.authorized ? "CUSTOM" : "NONE"
  authorizer_id      = each.value.authorized ? aws_apigatewayv2_authorizer.this.id : null
}

# What no route names: health, ready, the document, the public keys; and a problem+json for the rest, which API Gateway
# would answer in a form of its own.
resource "aws_apigatewayv2_route" "fallback" {
  # checkov:skip=CKV_AWS_309:What stands here is for everybody.
  api_id             = aws_apigatewayv2_api.this.id
  route_key          = "$default"
  target             = "integrations/${aws_apigatewayv2_integration.this["$default"].id}"
  authorization_type = "NONE"
}

# No identity source and nothing kept: with one, API Gateway itself would refuse a request without a token, and not in
# problem+json. The function says who it is or what is wrong, and the service answers.
resource "aws_apigatewayv2_authorizer" "this" {
  api_id                            = aws_apigatewayv2_api.this.id
  name                              = "bearer"
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = var.functions[var.authorizer].invoke_arn
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true
  authorizer_result_ttl_in_seconds  = 0
}
