"""HTTP: binding requests to operations, routing, problem+json, OpenAPI, and calls between services."""
