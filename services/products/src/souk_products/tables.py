"""The products service's tables in DynamoDB.

| table | key | item |
|---|---|---|
| Products | `productId` | a product; its stock lies in shards beside it, `mug#stock#0`, `mug#stock#1` ... |
| Reservations | `bucket`, `id` | a reservation, in one of 128 buckets by its order's id, so that no partition is hot |
| | | a chunk of a wide order's reservation, in a bucket of that order's own |
| | | a return that was restocked, the reconciler's checkpoint, and the orders that it watches |
| ProductsEvents | `slot`, `id` | the outbox and the inbox |
"""

from souk_chassis.storage.dynamodb.schema import Index, Table, events_table

PRODUCTS = Table(
    "Products",
    "productId",
    indexes=(Index("byName", "listing", "nameKey", whole=True), Index("byId", "listing", "productId")),
)
RESERVATIONS = Table("Reservations", "bucket", "id", indexes=(Index("byAge", "bucket", "heldSince"),))
EVENTS = events_table("products")
TABLES = (PRODUCTS, RESERVATIONS, EVENTS)
