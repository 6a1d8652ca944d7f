"""The function in FastAPI, behind Mangum."""

from fastapi import FastAPI
from mangum import Mangum

from trials.benchmarks.cold.models import NewOrder, Receipt, receipt

app = FastAPI()


@app.post("/orders", status_code=201)
async def place_order(order: NewOrder) -> Receipt:
    """Place an order."""
    return receipt(order)


handler = Mangum(app, lifespan="off")
