variable "repositories" {
  description = "The repositories, such as souk/order-service."
  type        = set(string)
}

variable "key_arn" {
  description = "The KMS key that encrypts the images."
  type        = string
}

variable "images_kept" {
  description = "How many images of each are kept: what may be gone back to."
  type        = number

  validation {
    condition     = var.images_kept >= 2
    error_message = "images_kept is 2 or more: a deployment that fails goes back to the one before."
  }
}

variable "protected" {
  description = "Whether a repository with images refuses to be deleted."
  type        = bool
}
