# Security groups from edges: each edge lets one group speak to another on one port, as a rule on either side. What no
# edge names is refused.
locals {
  ids = merge({ for name, group in aws_security_group.this : name => group.id }, var.given)

  between  = { for name, edge in var.edges : name => edge if !contains(concat(["internet"], keys(var.prefix_lists)), edge.to) }
  to_lists = { for name, edge in var.edges : name => edge if contains(keys(var.prefix_lists), edge.to) }
  outside  = { for name, edge in var.edges : name => edge if edge.to == "internet" }
}

resource "aws_security_group" "this" {
  # checkov:skip=CKV2_AWS_5:Each is given to what it is named after, in another module.
  for_each = var.groups

  name        = "${var.project}-${each.key}"
  description = each.value
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.project}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = local.between

  security_group_id            = local.ids[each.value.to]
  referenced_security_group_id = local.ids[each.value.from]
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = "${each.value.from}: ${each.value.why}"
}

resource "aws_vpc_security_group_egress_rule" "this" {
  for_each = local.between

  security_group_id            = local.ids[each.value.from]
  referenced_security_group_id = local.ids[each.value.to]
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = "${each.value.to}: ${each.value.why}"
}

resource "aws_vpc_security_group_egress_rule" "prefix_list" {
  for_each = local.to_lists

  security_group_id = local.ids[each.value.from]
  prefix_list_id    = var.prefix_lists[each.value.to]
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
  description       = "${each.value.to}: ${each.value.why}"
}

resource "aws_vpc_security_group_egress_rule" "outside" {
  for_each = local.outside

  security_group_id = local.ids[each.value.from]
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
  description       = "The internet: ${each.value.why}"
}
