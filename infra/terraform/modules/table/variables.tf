variable "name" {
  description = "The table's name, such as Orders."
  type        = string
}

variable "table" {
  description = "Keys (strings all), indexes, the attribute by which items expire, and whether changes are streamed."
  type = object({
    hash_key  = string
    range_key = optional(string)
    indexes = optional(list(object({
      name       = string
      hash_key   = string
      range_key  = optional(string)
      projection = string
    })), [])
    expires = optional(string)
    streams = optional(bool, false)
  })
}

variable "key_arn" {
  description = "The KMS key that encrypts the table."
  type        = string
}

variable "protected" {
  description = "Whether AWS refuses to delete the table."
  type        = bool
}
