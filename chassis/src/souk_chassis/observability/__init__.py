"""Logs and traces, which share one context."""
