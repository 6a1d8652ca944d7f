# The ways to AWS that do not leave the network, one for each service of AWS that something in it asks for.
resource "aws_vpc_endpoint" "this" {
  for_each = var.services

  vpc_id              = var.vpc_id
  service_name        = "com.amazonaws.${var.place.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = var.subnet_ids
  security_group_ids  = [var.group_id]
  private_dns_enabled = true
  tags                = { Name = "${var.project}-${each.key}" }

  # For this account's roles alone: nobody carries data out with keys of another account. What each role may do, its
  # own policy says. Whether eks-auth takes a policy AWS does not say; it hands out credentials, and takes nothing in.
  policy = each.key == "eks-auth" ? null : jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "*"
      Resource  = "*"
      Condition = { StringEquals = { "aws:PrincipalAccount" = var.place.account } }
    }]
  })
}
