"""Adapters of the payment provider: the sandbox, and Stripe."""
