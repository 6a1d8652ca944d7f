"""The tables of the notifications service on DynamoDB.

| table | key | item |
|---|---|---|
| Mails | `mailKey` | a mail: what makes it the only one of its kind is its key |
| NotificationsEvents | `slot`, `id` | the inbox |

Indexes of Mails hold keys alone; bodies are read from the table. `byCustomer` has a customer's mails by time, `byTime`
those of all, and `byOrder` those of each order by time, in the order of the orders: an order's page and the books.
The last two are spread over slots, for which whoever reads them asks one by one.
"""

from souk_chassis.storage.dynamodb.schema import Index, Table, events_table

BY_CUSTOMER = Index("byCustomer", "customerId", "mailId")
BY_ORDER = Index("byOrder", "orderSlot", "orderPlace")
BY_TIME = Index("byTime", "timeSlot", "mailId")
MAILS = Table("Mails", "mailKey", indexes=(BY_CUSTOMER, BY_ORDER, BY_TIME))
EVENTS = events_table("notifications")
TABLES = (MAILS, EVENTS)
