"""The function with the event handler of AWS Lambda Powertools, which validates by pydantic's models."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from trials.benchmarks.cold.models import NewOrder, Receipt, receipt

app = APIGatewayHttpResolver(enable_validation=True)


@app.post("/orders")
def place_order(order: NewOrder) -> tuple[Receipt, int]:
    """Place an order."""
    return receipt(order), 201


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The handler."""
    answer: dict[str, Any] = app.resolve(event, context)
    return answer
