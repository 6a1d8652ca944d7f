// Shows the shop's own OpenAPI document with Swagger UI, which comes from a Python package and not from a CDN.
globalThis.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  validatorUrl: null,
});
