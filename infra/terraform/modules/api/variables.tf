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

variable "containers" {
  description = "Services in containers, by label; the load balancer's listener before them; and the subnets and the security group of the way in. Null: there are none."
  type        = object({ services = list(string), listener_arn = string, subnet_ids = list(string), group_id = string })
  default     = null
}
