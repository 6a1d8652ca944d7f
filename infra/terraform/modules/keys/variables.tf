variable "project" {
  description = "Names the keys' aliases: alias/<project>-tables and so on."
  type        = string
}

variable "place" {
  description = "Where the shop is: AWS partition, region and account id."
  type        = object({ partition = string, region = string, account = string })
}

variable "names" {
  description = "What is encrypted with a key of its own: tables, bus, secrets, logs; with services in containers database and images; with a cluster kubernetes."
  type        = set(string)

  validation {
    condition     = length(setsubtract(var.names, ["tables", "bus", "secrets", "logs", "database", "images", "kubernetes"])) == 0
    error_message = "Keys are for tables, bus, secrets, logs, database, images and kubernetes; another was asked for."
  }
}
