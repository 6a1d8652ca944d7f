"""Adapters of the mails' store. All pass one contract suite."""
