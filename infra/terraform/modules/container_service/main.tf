# A service's tasks: kept running, replaced one after the other, more of them under load.
resource "aws_ecs_service" "this" {
  name                              = var.name
  cluster                           = var.cluster.arn
  task_definition                   = var.task_arn
  launch_type                       = "FARGATE"
  desired_count                     = var.replicas.least
  propagate_tags                    = "SERVICE"
  enable_ecs_managed_tags           = true
  health_check_grace_period_seconds = 300 # As the container's own: a migration must not be cut off.
  availability_zone_rebalancing     = "ENABLED"

  # New tasks first, and the old ones end when these are ready; where they never are, ECS goes back by itself.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.group_id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = var.target.group_arn
    container_name   = var.name
    container_port   = var.port
  }

  # How many there are is scaling's to say, and with which image, who deploys (infra/delivery/deploy_ecs.py): he takes
  # the newest revision of the task definition, with what was changed here.
  lifecycle {
    ignore_changes = [desired_count, task_definition]
  }
}

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster.name}/${aws_ecs_service.this.name}"
  min_capacity       = var.replicas.least
  max_capacity       = var.replicas.most
}

resource "aws_appautoscaling_policy" "this" {
  for_each = {
    cpu      = { metric = "ECSServiceAverageCPUUtilization", label = null, value = var.scaling.cpu_percent }
    requests = { metric = "ALBRequestCountPerTarget", label = var.target.resource_label, value = var.scaling.requests_per_minute }
  }

  name               = "${var.name}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.value
    scale_out_cooldown = 30
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
      resource_label         = each.value.label
    }
  }
}
