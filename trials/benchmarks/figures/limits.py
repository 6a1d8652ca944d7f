"""Limits that more than one group of figures has: what is asked for at least, and what would be better still."""

PLACING_P99 = (50.0, 20.0)
"""Milliseconds."""
MEMORY = (300.0, 150.0)
"""MB."""
