"""The orders service: takes orders and brings each to its end."""
