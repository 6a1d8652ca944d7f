"""Hosts: what runs services and the edge. The server, on a laptop and in a container, is told by its environment."""
