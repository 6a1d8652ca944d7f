"""The stores of the products service: PostgreSQL and memory."""
