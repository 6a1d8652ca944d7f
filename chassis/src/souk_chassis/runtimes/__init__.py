"""Ways to run a service: behind ASGI, and as a worker on its queues."""
