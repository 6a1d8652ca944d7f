"""The exercises of all functions."""

from tests.permissions.exercise import EXERCISES
from tests.permissions.exercises import edge, notifications, orders, payments, products, users

__all__ = ["EXERCISES", "edge", "notifications", "orders", "payments", "products", "users"]
