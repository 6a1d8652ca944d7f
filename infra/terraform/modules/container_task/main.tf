# What a container is on Fargate: its image, size, environment and secrets. It runs as nobody in particular, writes
# nowhere on its disk, and has no rights of the kernel's.
locals {
  container = {
    name                   = var.task.name
    image                  = var.task.image
    essential              = true
    user                   = var.user
    readonlyRootFilesystem = true
    environment            = [for name in sort(keys(var.task.environment)) : { name = name, value = var.task.environment[name] }]
    secrets                = [for name in sort(keys(var.task.secrets)) : { name = name, valueFrom = var.task.secrets[name] }]
    portMappings           = var.task.port == null ? [] : [{ containerPort = var.task.port, hostPort = var.task.port, protocol = "tcp" }]
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"], add = [] } }
    stopTimeout            = 60 # What was taken is finished: an operation has 29 s, a batch of events 24.
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = var.place.region
        awslogs-stream-prefix = "task"
        mode                  = "non-blocking" # A slow CloudWatch must not stop the shop.
        max-buffer-size       = "4m"
      }
    }
  }
  health = var.task.port == null ? {} : {
    healthCheck = {
      # As the images have it, which ECS does not read.
      command     = ["CMD", "/srv/souk/bin/python", "-I", "-m", "souk_chassis.hosts.health"]
      interval    = 10
      timeout     = 5
      retries     = 3
      startPeriod = 300 # Before it answers it waits for its database, a minute at most, and migrates it. ECS has no more.
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.project}/${var.task.name}"
  retention_in_days = var.log.retention_days
  kms_key_id        = var.log.key_arn
}

resource "aws_ecs_task_definition" "this" {
  family                   = var.task.name
  skip_destroy             = true # A service that runs the revision before is taken back to it: deregistered, ECS would refuse.
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.task.cpu
  memory                   = var.task.memory_mib
  execution_role_arn       = aws_iam_role.starts.arn
  task_role_arn            = aws_iam_role.runs.arn
  container_definitions    = jsonencode([merge(local.container, local.health)])

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }
}
