"""One order-placing function four times: each refuses the same bodies, and answers a good one with the same JSON."""
