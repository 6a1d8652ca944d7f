mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  project = "souk"
  place   = { partition = "aws", region = "eu-west-1", account = "123456789012" }
  cidr    = "10.20.0.0/16"
  zones   = ["eu-west-1a", "eu-west-1b"]
  nat     = "none"
  flows   = "REJECT"
  log     = { retention_days = 30, key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
}

run "private_without_a_way_out" {
  module {
    source = "../network"
  }

  assert {
    condition     = { for zone, subnet in aws_subnet.private : zone => subnet.cidr_block } == { eu-west-1a = "10.20.0.0/20", eu-west-1b = "10.20.16.0/20" }
    error_message = "Each zone has a private subnet."
  }
  assert {
    condition     = length(aws_internet_gateway.this) == 0 && length(aws_nat_gateway.this) == 0 && length(aws_route.private) == 0 && length(aws_subnet.public) == 0
    error_message = "Without NAT there is no way out, and nothing public."
  }
  assert {
    condition     = toset([for endpoint in aws_vpc_endpoint.gateway : endpoint.service_name]) == toset(["com.amazonaws.eu-west-1.s3", "com.amazonaws.eu-west-1.dynamodb"])
    error_message = "S3 and DynamoDB are reached by gateways, which are free."
  }
  assert {
    condition     = [for statement in jsondecode(aws_vpc_endpoint.gateway["s3"].policy).Statement : "${statement.Action} ${statement.Resource}"] == ["s3:GetObject arn:aws:s3:::prod-eu-west-1-starport-layer-bucket/*"]
    error_message = "Of S3 there are the layers of images: nothing is carried out to a bucket."
  }
  assert {
    condition     = [for statement in jsondecode(aws_vpc_endpoint.gateway["dynamodb"].policy).Statement : statement.Condition.StringEquals["aws:PrincipalAccount"]] == ["123456789012"]
    error_message = "DynamoDB is asked by this account's roles alone."
  }
  assert {
    condition     = toset(flatten([for statement in jsondecode(aws_iam_role_policy.flows.policy).Statement : statement.Action])) == toset(["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams", "logs:DescribeLogGroups"])
    error_message = "The flow log may what AWS asks of its role, but for making the group, which is there."
  }
}

run "one_way_out_for_all" {
  module {
    source = "../network"
  }

  variables {
    nat = "single"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && toset(keys(aws_route.private)) == toset(["eu-west-1a", "eu-west-1b"]) && toset(keys(aws_subnet.public)) == toset(["eu-west-1a"])
    error_message = "One gateway serves both zones."
  }
}

run "a_way_out_in_each_zone" {
  module {
    source = "../network"
  }

  variables {
    nat   = "zone"
    zones = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
  }

  assert {
    condition     = alltrue([for zone, route in aws_route.private : route.nat_gateway_id == aws_nat_gateway.this[zone].id]) && length(aws_nat_gateway.this) == 3
    error_message = "Each zone goes out by its own gateway."
  }
}

run "an_edge_is_a_rule_on_both_sides" {
  module {
    source = "../groups"
  }

  variables {
    vpc_id       = "vpc-1"
    groups       = { a = "One", b = "Another" }
    given        = { c = "sg-c" }
    prefix_lists = { s3 = "pl-1" }
    edges = {
      "a b"        = { from = "a", to = "b", port = 8080, why = "asks" }
      "c b"        = { from = "c", to = "b", port = 53, protocol = "udp", why = "names" }
      "a s3"       = { from = "a", to = "s3", port = 443, why = "images" }
      "b internet" = { from = "b", to = "internet", port = 443, why = "a provider" }
    }
  }

  assert {
    condition     = toset(keys(aws_vpc_security_group_ingress_rule.this)) == toset(["a b", "c b"]) && toset(keys(aws_vpc_security_group_egress_rule.this)) == toset(["a b", "c b"])
    error_message = "What leads from group to group is let out and let in."
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.this["a b"].security_group_id == aws_security_group.this["b"].id && aws_vpc_security_group_ingress_rule.this["a b"].referenced_security_group_id == aws_security_group.this["a"].id && aws_vpc_security_group_ingress_rule.this["a b"].from_port == 8080 && aws_vpc_security_group_ingress_rule.this["a b"].to_port == 8080
    error_message = "It is let in from that group, on that port."
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.this["c b"].security_group_id == "sg-c" && aws_vpc_security_group_egress_rule.this["c b"].ip_protocol == "udp"
    error_message = "A group from elsewhere has its rules too."
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.prefix_list["a s3"].prefix_list_id == "pl-1" && aws_vpc_security_group_egress_rule.outside["b internet"].cidr_ipv4 == "0.0.0.0/0"
    error_message = "Lists of addresses and the internet are let out to, and nothing is let in from them."
  }
}

run "aws_is_asked_by_this_account_alone" {
  module {
    source = "../endpoints"
  }

  variables {
    services   = ["sqs", "eks-auth"]
    vpc_id     = "vpc-1"
    subnet_ids = ["subnet-1"]
    group_id   = "sg-1"
  }

  assert {
    condition     = [for statement in jsondecode(aws_vpc_endpoint.this["sqs"].policy).Statement : statement.Condition.StringEquals["aws:PrincipalAccount"]] == ["123456789012"]
    error_message = "Nobody carries data out with keys of another account."
  }
  assert {
    condition     = aws_vpc_endpoint.this["eks-auth"].policy == null || !strcontains(coalesce(aws_vpc_endpoint.this["eks-auth"].policy, "none"), "PrincipalAccount")
    error_message = "Where AWS may take no policy, none is given."
  }
}

run "requests_find_their_service" {
  module {
    source = "../load_balancer"
  }

  variables {
    vpc_id     = "vpc-1"
    subnet_ids = ["subnet-1", "subnet-2"]
    group_id   = "sg-1"
    zone       = "souk.internal"
    header     = "x-souk-service"
    services   = { order-service = { port = 8080, host = "order-service.souk.internal", header = "order-service" } }
    protected  = true
  }

  assert {
    condition     = aws_lb.this.internal && aws_lb.this.drop_invalid_header_fields && aws_lb.this.enable_deletion_protection
    error_message = "The load balancer has no public address."
  }
  assert {
    condition     = aws_lb_target_group.this["order-service"].target_type == "ip" && aws_lb_target_group.this["order-service"].health_check[0].path == "/health" && aws_lb_target_group.this["order-service"].port == 8080
    error_message = "Containers are found by address, and asked whether they answer: ECS stops one that fails, whose database may be away for all."
  }
  assert {
    condition     = [for condition in aws_lb_listener_rule.header["order-service"].condition : condition.http_header[0].values] == [toset(["order-service"])] && [for condition in aws_lb_listener_rule.host["order-service"].condition : condition.host_header[0].values] == [toset(["order-service.souk.internal"])]
    error_message = "The header leads to the service, and so does the host."
  }
  assert {
    condition     = aws_lb_listener.this.default_action[0].fixed_response[0].status_code == "404" && aws_route53_record.this["order-service"].name == "order-service.souk.internal"
    error_message = "What names no service gets 404; each service has a name in the private zone."
  }
}
