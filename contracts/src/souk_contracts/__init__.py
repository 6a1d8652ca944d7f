"""The only words that Souk's services share: operations, events and their types, a module a service."""
