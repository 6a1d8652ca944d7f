# A key for each kind of thing that is kept: whoever may read the queues may not for that reason read the tables.
locals {
  root = "arn:${var.place.partition}:iam::${var.place.account}:root"

  # The service through which alone the account's roles may use a key. The roles' own policies say which may.
  through = { for name, services in {
    tables     = ["dynamodb"]
    bus        = ["sns", "sqs"]
    secrets    = ["secretsmanager"]
    logs       = ["logs"]
    database   = ["rds"]
    images     = ["ecr"]
    kubernetes = ["eks"]
  } : name => [for service in services : "${service}.${var.place.region}.amazonaws.com"] if contains(var.names, name) }

  # RDS keeps the master's password in a secret, which it rotates itself: whoever makes the database lets it use the key.
  besides = contains(var.names, "database") ? { secrets = ["rds.${var.place.region}.amazonaws.com"] } : {}

  administration = {
    Sid       = "AdministeredByTheAccount"
    Effect    = "Allow"
    Principal = { AWS = local.root }
    Action = [
      "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases", "kms:ListGrants",
      "kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:EnableKeyRotation",
      "kms:DisableKeyRotation", "kms:EnableKey", "kms:DisableKey", "kms:TagResource", "kms:UntagResource",
      "kms:UpdateKeyDescription", "kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias", "kms:RevokeGrant",
      "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion",
    ]
    Resource = "*" # In a key's policy this is the key itself.
  }

  use = {
    for name, services in local.through : name => {
      Sid       = "UsedThroughItsService"
      Effect    = "Allow"
      Principal = { AWS = local.root }
      Action = [
        "kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext", "kms:DescribeKey", "kms:CreateGrant", "kms:RetireGrant",
      ]
      Resource = "*"
      Condition = { StringEquals = merge(
        { "kms:CallerAccount" = var.place.account },
        # EKS is given its key by a grant that whoever makes the cluster makes himself.
        name == "kubernetes" ? {} : { "kms:ViaService" = concat(services, try(local.besides[name], [])) },
      ) }
    }
  }

  # What AWS itself does with a key, with no role of ours in between.
  services = {
    tables     = []
    secrets    = []
    database   = []
    images     = []
    kubernetes = []
    bus = [{
      Sid       = "TopicsToQueuesAndAlarmsToTopics"
      Effect    = "Allow"
      Principal = { Service = ["sns.amazonaws.com", "cloudwatch.amazonaws.com"] }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = { StringEquals = { "aws:SourceAccount" = var.place.account } }
    }]
    logs = [{
      Sid       = "LogGroupsOfTheAccount"
      Effect    = "Allow"
      Principal = { Service = "logs.${var.place.region}.amazonaws.com" }
      Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey"]
      Resource  = "*"
      Condition = {
        ArnLike = {
          "kms:EncryptionContext:aws:logs:arn" = "arn:${var.place.partition}:logs:${var.place.region}:${var.place.account}:log-group:*"
        }
      }
    }]
  }
}

resource "aws_kms_key" "this" {
  for_each = local.through

  description             = "${var.project}: ${each.key}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.administration, local.use[each.key]], local.services[each.key])
  })
}

resource "aws_kms_alias" "this" {
  for_each = local.through

  name          = "alias/${var.project}-${each.key}"
  target_key_id = aws_kms_key.this[each.key].key_id
}
