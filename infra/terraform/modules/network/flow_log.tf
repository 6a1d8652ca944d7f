# Who spoke with whom, and who was refused: what tells a missing edge from a service that is away.
resource "aws_cloudwatch_log_group" "flows" {
  # checkov:skip=CKV_AWS_338:How long logs are kept is the shop's to say (log_retention_days), and costs by the day.
  name              = "/${var.project}/network"
  retention_in_days = var.log.retention_days
  kms_key_id        = var.log.key_arn
}

resource "aws_iam_role" "flows" {
  name        = "${var.project}-flow-log"
  description = "Writes the network's flow log"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.place.account } }
    }]
  })
}

resource "aws_iam_role_policy" "flows" {
  name = "writes"
  role = aws_iam_role.flows.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "OwnLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
        Resource = ["${aws_cloudwatch_log_group.flows.arn}:*"] # The streams of this group, one a network interface.
      },
      {
        Sid      = "FindsIt"
        Effect   = "Allow"
        Action   = ["logs:DescribeLogGroups"] # Asked of all: it names none.
        Resource = ["arn:${var.place.partition}:logs:${var.place.region}:${var.place.account}:log-group:*"]
      },
    ]
  })
}

resource "aws_flow_log" "this" {
  vpc_id          = aws_vpc.this.id
  traffic_type    = var.flows
  log_destination = aws_cloudwatch_log_group.flows.arn
  iam_role_arn    = aws_iam_role.flows.arn
}
