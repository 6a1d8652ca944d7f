variable "place" {
  description = "Where the shop is: AWS partition, region and account id."
  type        = object({ partition = string, region = string, account = string })
}

variable "topics" {
  description = "A topic an event type, such as order-created."
  type        = set(string)
}

variable "queues" {
  description = "A queue a consumer, by name: its topic, and how long a message is hidden while it is worked on."
  type        = map(object({ topic = string, visibility_s = number }))
}

variable "relays" {
  description = "Services whose events leave by a stream: each gets a queue for what the stream could not hand over."
  type        = set(string)
}

variable "key_arn" {
  description = "The KMS key that encrypts topics and queues."
  type        = string
}

variable "key_alias" {
  description = "The same key's alias, which is known before the key is made."
  type        = string
}
