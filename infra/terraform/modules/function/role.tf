# A role for each function, with what its inputs name, its own log, and the queue for what its stream could not hand over.
locals {
  own = concat(
    [{
      Sid       = "OwnLog"
      Effect    = "Allow"
      Action    = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource  = ["${aws_cloudwatch_log_group.this.arn}:*"] # The streams of this group: Lambda names them.
      Condition = null
    }],
    length(var.failures_arns) == 0 ? [] : [{
      Sid       = "WhatCouldNotBeRelayed"
      Effect    = "Allow"
      Action    = ["sqs:SendMessage"]
      Resource  = var.failures_arns
      Condition = null
    }],
  )
}

resource "aws_iam_role" "this" {
  name        = var.function.name
  description = "The function ${var.function.name}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "uses"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for statement in concat(local.own, var.statements) : {
        for name, value in statement : name => value if value != null
      }
    ]
  })
}
