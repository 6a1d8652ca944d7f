variable "project" {
  description = "Names the alarms and their topic."
  type        = string
}

variable "functions" {
  description = "Names of the functions whose errors are counted."
  type        = set(string)
}

variable "api_id" {
  description = "The API of API Gateway whose answers with 5xx are counted."
  type        = string
}

variable "queues" {
  description = "Names of the queues in which no message may grow old."
  type        = set(string)
}

variable "dead_letters" {
  description = "Names of the queues in which there should be no message."
  type        = set(string)
}

variable "oldest_s" {
  description = "How old a message may grow in a queue, in seconds."
  type        = number
}

variable "mail" {
  description = "Who is told, or null. AWS first asks him to confirm."
  type        = string
}

variable "key_arn" {
  description = "The KMS key of the operators' topic."
  type        = string
}

variable "containers" {
  description = "Services in containers: the load balancer, the target group of each by label, and the databases' names."
  type = object({
    balancer  = string
    targets   = map(string)
    databases = list(string)
  })
  default  = { balancer = "", targets = {}, databases = [] }
  nullable = false
}
