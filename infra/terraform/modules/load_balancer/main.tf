# One internal load balancer before all services in containers. API Gateway names the service in a header, which it
# writes over what a client sent; services name each other by host. Nothing routes by path. Rules stand in any order: no
# request fits two, and places counted here would move with each service that comes or goes, into those still taken.
resource "aws_lb" "this" {
  # checkov:skip=CKV_AWS_91:API Gateway's access log names each request from outside, and each service logs what it is asked.
  # checkov:skip=CKV2_AWS_20:A private name has no public certificate; a private authority costs more than the shop. AWS encrypts between current instances.
  name                       = var.project
  internal                   = true
  load_balancer_type         = "application"
  subnets                    = var.subnet_ids
  security_groups            = [var.group_id]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.protected
  idle_timeout               = 60
}

resource "aws_lb_listener" "this" {
  # checkov:skip=CKV_AWS_2:As above: in the private network, with a token for each callee.
  # checkov:skip=CKV_AWS_103:As above: there is no TLS to have a version.
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "application/json"
      status_code  = "404"
      message_body = jsonencode({ code = "no_such_service", detail = "No service in containers is named so.", status = 404 })
    }
  }
}

resource "aws_lb_target_group" "this" {
  # checkov:skip=CKV_AWS_378:As above: in the private network, with a token for each callee.
  for_each = var.services

  name                 = "${var.project}-${each.key}"
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = each.value.port
  deregistration_delay = 30 # No request takes longer: API Gateway waits for 29 s.

  # ECS stops a task that fails this. So it asks whether the process answers, and not whether its database does: that
  # one's failing over would have every task stopped.
  health_check {
    path                = "/health"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener_rule" "header" {
  for_each = var.services

  listener_arn = aws_lb_listener.this.arn

  condition {
    http_header {
      http_header_name = var.header
      values           = [each.value.header]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }
}

resource "aws_lb_listener_rule" "host" {
  for_each = var.services

  listener_arn = aws_lb_listener.this.arn

  condition {
    host_header {
      values = [each.value.host]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }
}

resource "aws_route53_zone" "this" {
  name    = var.zone
  comment = "The services in containers, as they name each other"

  vpc {
    vpc_id = var.vpc_id
  }
}

resource "aws_route53_record" "this" {
  for_each = var.services

  zone_id = aws_route53_zone.this.zone_id
  name    = each.value.host
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = false
  }
}
