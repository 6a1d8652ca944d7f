# PostgreSQL for services in containers: one instance, a database and a role in it for each service, which the provision
# task makes. The master's password is RDS's own secret, which it rotates; no password is in Terraform's state.
resource "aws_db_subnet_group" "this" {
  name        = var.name
  description = "The private subnets of ${var.name}"
  subnet_ids  = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name        = "${var.name}-postgres${var.settings.version}"
  family      = "postgres${var.settings.version}"
  description = "TLS alone; slow statements and changes of tables are logged"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
  parameter {
    name  = "log_statement"
    value = "ddl"
  }
  parameter {
    name  = "log_min_duration_statement"
    value = "1000" # In milliseconds.
  }
  parameter {
    name  = "log_parameter_max_length"
    value = "0" # A slow statement is logged without its values: addresses of customers, hashes of passwords.
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["postgresql", "upgrade"])

  name              = "/aws/rds/instance/${var.name}/${each.key}"
  retention_in_days = var.log.retention_days
  kms_key_id        = var.log.key_arn
}

resource "aws_db_instance" "this" {
  # checkov:skip=CKV_AWS_118:RDS's own metrics are free and enough; those of the machine below cost by the second.
  identifier     = var.name
  engine         = "postgres"
  engine_version = var.settings.version
  instance_class = var.settings.instance_class

  username                            = "souk_admin"
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.secrets_key_arn
  iam_database_authentication_enabled = true

  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.key_arn
  allocated_storage     = var.settings.storage_gb
  max_allocated_storage = var.settings.storage_most_gb

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [var.group_id]
  publicly_accessible    = false
  multi_az               = var.settings.multi_az
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period   = var.settings.backup_days
  copy_tags_to_snapshot     = true
  deletion_protection       = var.protected
  skip_final_snapshot       = !var.protected
  final_snapshot_identifier = "${var.name}-last"

  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.key_arn
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]

  # RDS makes the groups itself, without a key, where they are not there yet.
  depends_on = [aws_cloudwatch_log_group.this]
}
