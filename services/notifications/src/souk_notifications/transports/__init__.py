"""Adapters of the mail transport: the shop's own mailbox, and SMTP."""
