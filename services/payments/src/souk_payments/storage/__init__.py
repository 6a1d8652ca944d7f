"""Adapters of the payments store."""
