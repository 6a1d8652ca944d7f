"""Stores on DynamoDB: a client in DynamoDB's own JSON, its errors in ours, and units of work that commit by one
conditional transaction. What a service keeps there stands in its own `storage/dynamodb.py`."""
