"""All exercises: to import this is to have them in `tests.permissions.exercise.EXERCISES`."""

from tests.permissions.exercises import edge, notifications, orders, payments, products, users

__all__ = ["edge", "notifications", "orders", "payments", "products", "users"]
