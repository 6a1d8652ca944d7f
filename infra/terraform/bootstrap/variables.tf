variable "project" {
  description = "Names the bucket: <project>-state-<account>-<region>."
  type        = string
  default     = "souk"
}

variable "account" {
  description = "The id of the AWS account."
  type        = string
}

variable "region" {
  description = "The AWS region, such as eu-west-1."
  type        = string
}
