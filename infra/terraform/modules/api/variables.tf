variable "name" {
  description = "The API's name."
  type        = string
}

variable "document" {
  description = "The OpenAPI 3.0.3 document, decoded: each operation with x-amazon-apigateway-integration."
  type        = any
}

variable "functions" {
  description = "Functions by the names that the document's integrations use: what to invoke, and the alias or null."
  type        = map(object({ name = string, qualifier = string, invoke_arn = string }))
}

variable "authorizer" {
  description = "The name, in `functions`, of the function that says who a caller is."
  type        = string
}

variable "fallback" {
  description = "The name, in `functions`, of the function that answers what the document does not name."
  type        = string
}

variable "throttles" {
  description = "Requests a second (rate) and at once (burst) by route (`POST /sessions`); `default` is for each of the others."
  type        = map(object({ rate = number, burst = number }))
}

variable "log" {
  description = "The access log's retention in days, and its KMS key."
  type        = object({ retention_days = number, key_arn = string })
}
