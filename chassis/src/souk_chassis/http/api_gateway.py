"""What a document tells Amazon API Gateway besides: where each operation runs, and who authorises.

Names in `${...}` are what Terraform puts in: a function by its label, a VPC link, a load balancer's listener, the
authorizer (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html).
"""

from enum import StrEnum
from typing import Any

INTEGRATION_TIMEOUT_MS = 29_000
"""How long API Gateway waits for a function or a container, in milliseconds."""
SERVICE_HEADER = "x-souk-service"
"""The header by which the load balancer before all containers routes. API Gateway writes it over what a client sent."""

AUTHORIZER: dict[str, Any] = {
    "x-amazon-apigateway-authorizer": {
        "type": "request",
        "authorizerPayloadFormatVersion": "2.0",
        "enableSimpleResponses": True,
        "authorizerUri": "${authorizer}",
        "authorizerResultTtlInSeconds": 0,
    },
}
"""What the security scheme carries besides."""


class Runtime(StrEnum):
    """Where a service runs."""

    LAMBDA = "lambda"
    ECS = "ecs"
    EKS = "eks"


def integration(runtime: Runtime, label: str) -> dict[str, Any]:
    """The `x-amazon-apigateway-integration` of an operation of the service of this label: its function; or its
    containers, by a load balancer that routes by `SERVICE_HEADER`, with the request as it came: a token too."""
    if runtime is Runtime.LAMBDA:
        return {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "payloadFormatVersion": "2.0",
            "uri": f"${{{label}}}",
            "timeoutInMillis": INTEGRATION_TIMEOUT_MS,
        }
    return {
        "type": "http_proxy",
        "httpMethod": "ANY",
        "payloadFormatVersion": "1.0",
        "connectionType": "VPC_LINK",
        "connectionId": "${vpc-link}",
        "uri": "${load-balancer}",
        "requestParameters": {f"overwrite:header.{SERVICE_HEADER}": label},
        "timeoutInMillis": INTEGRATION_TIMEOUT_MS,
    }
