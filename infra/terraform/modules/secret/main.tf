# Without a value: a secret that Terraform wrote would stand in its state.
resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV2_AWS_57:A new signing key goes with new public keys in every function's environment; a rotation function could not do that.
  name                    = var.name
  description             = var.description
  kms_key_id              = var.key_arn
  recovery_window_in_days = var.recovery_days
}
