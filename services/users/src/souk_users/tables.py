"""The tables of the users service on DynamoDB.

| table | key | item |
|---|---|---|
| Users | `userId` | what others may see of an account |
| UserEmails | `emailKey` | whose address it is, and the hash of the password: there is one item an address |
| FailedSignIns | `slot`, `emailKey` | failed sign-ins for an address in one window, whether it has an account or not |
| UsersEvents | `slot`, `id` | the outbox |
"""

from souk_chassis.storage.dynamodb.outbox import events_table
from souk_chassis.storage.dynamodb.schema import Table

USERS = Table("Users", "userId")
EMAILS = Table("UserEmails", "emailKey")
FAILED = Table("FailedSignIns", "slot", "emailKey", expires="expiresAt")
EVENTS = events_table("UsersEvents")
TABLES = (USERS, EMAILS, FAILED, EVENTS)
