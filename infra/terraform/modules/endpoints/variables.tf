variable "project" {
  description = "Names the endpoints."
  type        = string
}

variable "place" {
  description = "Where the shop is: AWS partition, region and account id."
  type        = object({ partition = string, region = string, account = string })
}

variable "services" {
  description = "AWS's services that are asked, by their endpoints' names, such as sqs or ecr.api."
  type        = set(string)
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "subnet_ids" {
  description = "The subnets that get an address of each: one costs least, one in each zone stays when a zone is away."
  type        = list(string)
}

variable "group_id" {
  description = "The security group that lets their callers in."
  type        = string
}
