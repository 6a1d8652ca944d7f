"""Adapters of the users service's store. All pass one contract suite."""
