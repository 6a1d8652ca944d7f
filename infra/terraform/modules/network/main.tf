# A network of the shop's own: private subnets in two or three zones. Without NAT nothing in it reaches the internet,
# and nothing ever comes in from there.
locals {
  zones   = { for index, zone in var.zones : zone => index }
  outside = var.nat == "none" ? {} : local.zones
  # One gateway for all costs a third of three, and is away with its zone.
  gateways = { for zone, index in local.outside : zone => index if var.nat == "zone" || index == 0 }
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

# Free of charge, unlike those of the module endpoints.
resource "aws_vpc_endpoint" "gateway" {
  for_each = toset(["dynamodb", "s3"])

  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.place.region}.${each.key}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.private : table.id]
  tags              = { Name = "${var.project}-${each.key}" }
}
