"""Stores: units of work, their PostgreSQL and memory adapters, migrations, and grouped commits."""
