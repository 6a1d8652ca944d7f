"""A small model of DynamoDB: tables in memory that execute the expressions of Souk's adapters, within the limits that
AWS publishes, on asyncio's clock, so that a virtual one makes seconds of traffic exact and repeatable.

What it does not understand it refuses. It is a model of limits, not of a service: no failures of its own, no splitting
of hot partitions, indexes that are never behind. Amazon's DynamoDB Local is the reference for behaviour.
"""

from souk_chassis.testing.dynamodb_model.limits import Latency, Limits
from souk_chassis.testing.dynamodb_model.model import DynamoModel

__all__ = ["DynamoModel", "Latency", "Limits"]
