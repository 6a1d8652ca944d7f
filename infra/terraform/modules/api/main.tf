# An HTTP API whose routes and integrations are the document's, one by one: an import of the document would be one
# resource, of which a plan shows no more than that something in it changes.
locals {
  header  = "overwrite:header.x-souk-service"
  methods = ["get", "put", "post", "delete", "options", "head", "patch"]
  # HEAD is answered by whatever answers GET, here as by every other gateway of Souk's.
  described = merge([
    for path, item in var.document.paths : merge(
      { for method, operation in item : "${upper(method)} ${path}" => operation if contains(local.methods, method) },
      { for method, operation in item : "HEAD ${path}" => operation if method == "get" },
    )
  ]...)
  operations = {
    for route, operation in local.described : route => {
      type = try(operation["x-amazon-apigateway-integration"].type, "")
      # A function by its name; or a service in containers, as the load balancer knows it.
      called = try(
        operation["x-amazon-apigateway-integration"].type == "http_proxy"
        ? operation["x-amazon-apigateway-integration"].requestParameters[local.header]
        : regex("[A-Za-z0-9_-]+", operation["x-amazon-apigateway-integration"].uri),
      "")
      format     = try(operation["x-amazon-apigateway-integration"].payloadFormatVersion, "")
      timeout_ms = try(operation["x-amazon-apigateway-integration"].timeoutInMillis, 29000)
      # A guest may call what also takes no token: the authorizer lets everybody through, with who he is. Containers
      # are sent the token and read it themselves.
      authorized = try(operation["x-amazon-apigateway-integration"].type, "") != "http_proxy" && anytrue([for scheme in try(operation.security, []) : contains(keys(scheme), "bearer")])
    }
  }

  # Routes of one function or service with one time limit share an integration.
  integrations = merge(
    { for route, operation in local.operations : "${operation.called} ${operation.timeout_ms}" => operation... },
    { "$default" = [{ called = var.fallback, type = "aws_proxy", format = "2.0", timeout_ms = 29000 }] },
  )
  called     = toset([for operations in local.integrations : operations[0].called if operations[0].type != "http_proxy"])
  contained  = toset([for operation in local.operations : operation.called if operation.type == "http_proxy"])
  containers = var.containers == null ? { services = [], listener_arn = "", subnet_ids = [], group_id = "" } : var.containers
}

resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  description   = try(var.document.info.title, var.name)
  version       = try(var.document.info.version, null)
  protocol_type = "HTTP"

  lifecycle {
    precondition {
      condition = alltrue([for operation in local.operations :
        contains(["aws_proxy 2.0", "http_proxy 1.0"], "${operation.type} ${operation.format}")
      ])
      error_message = "Every operation of the OpenAPI document needs an x-amazon-apigateway-integration of type aws_proxy and payload 2.0, or http_proxy and payload 1.0: ${join(", ", [for route, operation in local.operations : route if !contains(["aws_proxy 2.0", "http_proxy 1.0"], "${operation.type} ${operation.format}")])}."
    }
    precondition {
      condition     = length(setsubtract(local.contained, local.containers.services)) == 0
      error_message = "The OpenAPI document sends to services that are not in containers: ${join(", ", [for name in setsubtract(local.contained, local.containers.services) : name == "" ? "one without requestParameters[\"${local.header}\"]" : name])}. Render it together with the inputs."
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
  integration_type       = each.value[0].type == "http_proxy" ? "HTTP_PROXY" : "AWS_PROXY"
  integration_method     = each.value[0].type == "http_proxy" ? "ANY" : "POST"
  integration_uri        = each.value[0].type == "http_proxy" ? local.containers.listener_arn : var.functions[each.value[0].called].invoke_arn
  payload_format_version = each.value[0].format
  timeout_milliseconds   = each.value[0].timeout_ms
  connection_type        = each.value[0].type == "http_proxy" ? "VPC_LINK" : "INTERNET"
  connection_id          = each.value[0].type == "http_proxy" ? aws_apigatewayv2_vpc_link.this[0].id : null
  request_parameters     = each.value[0].type == "http_proxy" ? { (local.header) = each.value[0].called } : null

  # A service that moves gets another: API Gateway refuses to delete the one that its routes still name.
  lifecycle {
    create_before_destroy = true
  }
}

# The way into the network: what stands in it has no public address.
resource "aws_apigatewayv2_vpc_link" "this" {
  count = var.containers == null ? 0 : 1

  name               = var.name
  subnet_ids         = local.containers.subnet_ids
  security_group_ids = [local.containers.group_id]

  # With a zone more it is another, and the integrations go over to it first.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_apigatewayv2_route" "this" {
  # checkov:skip=CKV_AWS_309:Access is the operation's own: the document says which routes name a caller, and the function answers.
  for_each = local.operations

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.this["${each.value.called} ${each.value.timeout_ms}"].id}"
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
