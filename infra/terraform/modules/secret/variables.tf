variable "name" {
  description = "The secret's name, such as souk/orders/key."
  type        = string
}

variable "description" {
  description = "What it holds, for whoever fills it."
  type        = string
}

variable "key_arn" {
  description = "The KMS key that encrypts it."
  type        = string
}

variable "recovery_days" {
  description = "How many days a deleted secret can be called back; 0: none."
  type        = number
}
