variable "bucket" {
  description = "The bucket's name, which must be nobody else's in the world."
  type        = string
}

variable "packages" {
  description = "Paths of the zips, by name."
  type        = map(string)
}
