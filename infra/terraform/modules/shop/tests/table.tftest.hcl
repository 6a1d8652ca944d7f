mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  key_arn   = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  protected = true
}

run "keys_and_indexes" {
  module {
    source = "../table"
  }

  variables {
    name = "Orders"
    table = {
      hash_key = "orderId"
      indexes  = [{ name = "byStatus", hash_key = "status", range_key = "orderId", projection = "KEYS_ONLY" }]
    }
  }

  assert {
    condition     = aws_dynamodb_table.this.hash_key == "orderId" && aws_dynamodb_table.this.range_key == null
    error_message = "The table has the keys of its inputs."
  }
  assert {
    condition     = { for attribute in aws_dynamodb_table.this.attribute : attribute.name => attribute.type } == { orderId = "S", status = "S" }
    error_message = "Each key attribute is defined once, as a string, and no other is."
  }
  assert {
    condition     = [for index in aws_dynamodb_table.this.global_secondary_index : index.projection_type] == ["KEYS_ONLY"]
    error_message = "An index projects what its inputs say."
  }
  assert {
    condition     = !aws_dynamodb_table.this.stream_enabled && length(aws_dynamodb_table.this.ttl) == 0
    error_message = "A table of rows has neither a stream nor items that expire."
  }
  assert {
    condition     = aws_dynamodb_table.this.point_in_time_recovery[0].enabled && aws_dynamodb_table.this.server_side_encryption[0].kms_key_arn == var.key_arn && aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "A table can be had back, is encrypted with the shop's key, and is not deleted by mistake."
  }
}

run "an_events_table_streams_and_expires" {
  module {
    source = "../table"
  }

  variables {
    name  = "OrdersEvents"
    table = { hash_key = "slot", range_key = "id", expires = "expiresAt", streams = true }
  }

  assert {
    condition     = aws_dynamodb_table.this.stream_enabled && aws_dynamodb_table.this.stream_view_type == "NEW_IMAGE"
    error_message = "The outbox leaves by the stream, with what was written."
  }
  assert {
    condition     = aws_dynamodb_table.this.ttl[0].attribute_name == "expiresAt" && aws_dynamodb_table.this.ttl[0].enabled
    error_message = "The inbox's ids expire."
  }
}
