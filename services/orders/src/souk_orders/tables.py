"""The orders service's tables on DynamoDB.

| table | key | item |
|---|---|---|
| Orders | `orderId` | an order without what is long of it |
| OrderParts | `orderId`, `part` | the lines and the short items of a wide order, packed, and each order's returns |
| OrderKeys | `scopedKey` | the order that an idempotency key was first used for |
| OrdersEvents | `slot`, `id` | the outbox and the inbox |

Indexes have keys alone, so that a step of an order writes those that it moves in and no other: lists read the orders
themselves. All but `byCustomer` are spread over `souk_orders.storage.dynamodb_rows.SHARDS` partition keys.
"""

from souk_chassis.storage.dynamodb.schema import Index, Table, events_table

ORDERS = Table(
    "Orders",
    "orderId",
    indexes=(
        Index("byCustomer", "customerId", "placedAt"),
        Index("byStatus", "statusShard", "placedAt"),
        Index("byTime", "shard", "placedAt"),
        Index("byId", "shard", "orderId"),
        Index("open", "openShard", "openSince"),
    ),
)
PARTS = Table("OrderParts", "orderId", "part")
KEYS = Table("OrderKeys", "scopedKey", indexes=(Index("byAge", "shard", "usedAt"),), expires="expiresAt")
EVENTS = events_table("orders")
TABLES = (ORDERS, PARTS, KEYS, EVENTS)
