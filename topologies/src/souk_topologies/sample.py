"""The sample catalogue: what a new shop sells, so that there is something to look at and to buy."""

from pathlib import Path

from souk_chassis.money import Money
from souk_contracts.products import Product, ProductPage
from souk_topologies.at_once import at_once
from souk_topologies.client import ShopClient
from souk_topologies.data import CatalogueItem, catalogue

STOCK = 1_000_000
"""Units of each product: as many as `souk replay` gives its own."""
AT_ONCE = 32
MARK = "catalogue.loaded"
"""The file in the data directory that says that it was done."""


async def load_catalogue(url: str, token: str, data_dir: Path) -> int:
    """Make the products of the sample catalogue that are missing, once in the life of a data directory.

    Returns how many were made. Raises ShopError or ShopAwayError.
    """
    mark = data_dir / MARK
    if mark.exists():
        return 0
    async with ShopClient(url, token) as client:
        pages = client.pages("/products", ProductPage, {"limit": "200"})
        there = {product.product_id async for page in pages for product in page.items}
        missing = [item for item in catalogue() if item.product_id not in there]

        async def make(item: CatalogueItem) -> None:
            await client.call("PUT", f"/products/{item.product_id}", Product, body=_content(item))

        await at_once(make, missing, AT_ONCE)
    mark.touch()
    return len(missing)


def _content(item: CatalogueItem) -> dict[str, object]:
    return {"name": item.name, "price": str(Money(item.price_minor)), "inventory": STOCK}
