"""Adapters of the orders' store."""
