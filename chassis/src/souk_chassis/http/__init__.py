"""HTTP at the edges: binding requests to operations, problem+json, OpenAPI, and calls between services."""
