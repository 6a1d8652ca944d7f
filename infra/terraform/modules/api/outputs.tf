output "id" {
  description = "The API's id."
  value       = aws_apigatewayv2_api.this.id
}

output "url" {
  description = "Where the API answers."
  value       = trimsuffix(aws_apigatewayv2_stage.this.invoke_url, "/")
}

output "routes" {
  description = "The routes: those of the document, and HEAD wherever it has GET."
  value       = sort(keys(local.operations))
}
