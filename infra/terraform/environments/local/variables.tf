variable "endpoint" {
  description = "Where the emulator answers."
  type        = string
  default     = "http://127.0.0.1:4566"
}

variable "inputs_dir" {
  description = "The folder into which `souk render terraform --out` wrote inputs.json and openapi.json."
  type        = string
}

variable "packages_dir" {
  description = "The folder with the functions' zips."
  type        = string
}

variable "region" {
  description = "The region that the emulator plays."
  type        = string
  default     = "eu-west-1"
}
