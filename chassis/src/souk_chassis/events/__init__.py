"""Events, the outbox that they leave by, and the queues that they wait in."""
