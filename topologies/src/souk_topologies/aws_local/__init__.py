"""The shop of functions on an emulator of AWS on this machine: the same packages and the same Terraform as on AWS."""
