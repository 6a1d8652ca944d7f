"""The shop put together: in one process or a process a service, with its gateway and its command."""
