locals {
  # DynamoDB wants a definition for key attributes and for no other.
  attributes = toset(compact(flatten([
    var.table.hash_key,
    var.table.range_key,
    [for index in var.table.indexes : [index.hash_key, index.range_key]],
  ])))
}

resource "aws_dynamodb_table" "this" {
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = var.table.hash_key
  range_key                   = var.table.range_key
  stream_enabled              = var.table.streams
  stream_view_type            = var.table.streams ? "NEW_IMAGE" : null
  deletion_protection_enabled = var.protected

  dynamic "attribute" {
    for_each = local.attributes
    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = { for index in var.table.indexes : index.name => index }
    content {
      name            = global_secondary_index.key
      hash_key        = global_secondary_index.value.hash_key
      range_key       = global_secondary_index.value.range_key
      projection_type = global_secondary_index.value.projection
    }
  }

  dynamic "ttl" {
    for_each = var.table.expires == null ? [] : [var.table.expires]
    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.key_arn
  }
}
