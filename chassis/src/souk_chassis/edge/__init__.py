"""The one edge before the services: routes, pages, headers, limits, and what goes to another application."""
