# A role for each function, with what its inputs name, its own log, and the queue for what its stream could not hand over.
locals {
  interfaces = [
    "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
  ]
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

# Lambda makes the function's network interfaces as the function, and names none before it has made it: hence the `*`.
# The code itself may not (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html).
resource "aws_iam_role_policy" "network" {
  count = var.network == null ? 0 : 1

  name = "network"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "LambdaMakesInterfaces"
        Effect   = "Allow"
        Action   = local.interfaces
        Resource = ["*"]
      },
      {
        Sid      = "TheCodeDoesNot"
        Effect   = "Deny"
        Action   = local.interfaces
        Resource = ["*"]
        Condition = { ArnEquals = {
          "lambda:SourceFunctionArn" = ["arn:${var.place.partition}:lambda:${var.place.region}:${var.place.account}:function:${var.function.name}"]
        } }
      },
    ]
  })
}
