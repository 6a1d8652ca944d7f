output "id" {
  description = "The API's id."
  value       = aws_apigatewayv2_api.this.id
}

output "url" {
  description = "Where the API answers."
  value       = trimsuffix(aws_apigatewayv2_stage.this.invoke_url, "/")
}

output "routes" {
  description = "The routes, as the document has them."
  value       = sort(keys(local.operations))
}
