variable "project" {
  description = "Names the keys' aliases: alias/<project>-tables and so on."
  type        = string
}

variable "place" {
  description = "Where the shop is: AWS partition, region and account id."
  type        = object({ partition = string, region = string, account = string })
}
