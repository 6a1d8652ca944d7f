# The way out, where one is asked for: to a payment provider, or to AWS in place of endpoints.
resource "aws_internet_gateway" "this" {
  count = length(local.gateways) > 0 ? 1 : 0

  vpc_id = aws_vpc.this.id
  tags   = { Name = var.project }
}

resource "aws_subnet" "public" {
  for_each = local.gateways

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 8, 240 + each.value)
  tags              = { Name = "${var.project}-public-${each.key}" }
}

resource "aws_route_table" "public" {
  count = length(local.gateways) > 0 ? 1 : 0

  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.project}-public" }
}

resource "aws_route" "public" {
  count = length(local.gateways) > 0 ? 1 : 0

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  for_each = local.gateways

  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_eip" "nat" {
  for_each = local.gateways

  domain = "vpc"
  tags   = { Name = "${var.project}-nat-${each.key}" }
}

resource "aws_nat_gateway" "this" {
  for_each = local.gateways

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = { Name = "${var.project}-${each.key}" }

  depends_on = [aws_route.public]
}

resource "aws_route" "private" {
  for_each = local.outside

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = try(aws_nat_gateway.this[each.key].id, one(values(aws_nat_gateway.this)[*].id))
}
