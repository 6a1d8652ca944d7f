# A network of the shop's own: private subnets in two or three zones. Without NAT nothing in it reaches the internet,
# and nothing ever comes in from there.
locals {
  zones   = { for index, zone in var.zones : zone => index }
  outside = var.nat == "none" ? {} : local.zones
  # One gateway for all costs a third of three, and is away with its zone.
  gateways = { for zone, index in local.outside : zone => index if var.nat == "zone" || index == 0 }

  gateway_statements = {
    dynamodb = {
      Sid       = "OwnRoles"
      Effect    = "Allow"
      Principal = "*"
      Action    = "dynamodb:*"
      Resource  = "*"
      Condition = { StringEquals = { "aws:PrincipalAccount" = var.place.account } }
    }
    s3 = {
      Sid       = "LayersOfImages"
      Effect    = "Allow"
      Principal = "*"
      Action    = "s3:GetObject"
      Resource  = "arn:${var.place.partition}:s3:::prod-${var.place.region}-starport-layer-bucket/*"
    }
  }
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true # Interface endpoints answer by the names of AWS.
  tags                 = { Name = var.project }
}

# Whoever names no group gets this one, which lets nothing in or out.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_subnet" "private" {
  for_each = local.zones

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 4, each.value)
  tags              = { Name = "${var.project}-private-${each.key}" }
}

resource "aws_route_table" "private" {
  for_each = local.zones

  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.project}-private-${each.key}" }
}

resource "aws_route_table_association" "private" {
  for_each = local.zones

  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}

# Free of charge, unlike those of the module endpoints. As there, nobody carries data out by them: DynamoDB is asked by
# this account's roles alone, and of S3 there are the layers of images, which ECR signs for
# (https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html).
resource "aws_vpc_endpoint" "gateway" {
  for_each = local.gateway_statements

  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.place.region}.${each.key}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.private : table.id]
  policy            = jsonencode({ Version = "2012-10-17", Statement = [each.value] })
  tags              = { Name = "${var.project}-${each.key}" }
}
