"""The `souk` command."""

from souk_topologies.cli.main import main

__all__ = ["main"]
