variable "function" {
  description = "The function that is woken: its name and ARN, once its role may read the sources."
  type        = object({ name = string, arn = string })
}

variable "queues" {
  description = "Queues that the function reads, by name: messages of a batch, invocations at once, and how long a batch is gathered."
  type        = map(object({ arn = string, batch = number, concurrency = number, window_s = number }))
  default     = {}
}

variable "streams" {
  description = "Streams of events tables that it relays, by table, each with the queue for what it could not hand over."
  type        = map(object({ arn = string, failures_arn = string }))
  default     = {}
}

variable "schedule" {
  description = "How often it is woken, such as rate(1 minute); null: never."
  type        = string
  default     = null
}
