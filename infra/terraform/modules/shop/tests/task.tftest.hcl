mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  project = "souk"
  place   = { partition = "aws", region = "eu-west-1", account = "123456789012" }
  task = {
    name        = "order-service"
    image       = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/souk/order-service:1a2b3c4"
    cpu         = 256
    memory_mib  = 512
    port        = 8080
    environment = { SOUK_PART = "service" }
    secrets = {
      DATABASE_URL = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:souk/orders/database-AbCdEf"
      PGPASSWORD   = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1-AbCdEf:password::"
    }
  }
  repository_arn = "arn:aws:ecr:eu-west-1:123456789012:repository/souk/order-service"
  statements = [
    { Sid = "Publishes", Effect = "Allow", Action = ["sns:Publish"], Resource = ["arn:aws:sns:eu-west-1:123456789012:order-created"], Condition = null },
  ]
  secrets_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  log             = { retention_days = 30, key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
}

run "a_container_has_no_rights_that_it_does_not_need" {
  module {
    source = "../container_task"
  }

  assert {
    condition     = [for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : container.user == "10001:10001" && container.readonlyRootFilesystem && container.linuxParameters.capabilities.drop == ["ALL"]] == [true]
    error_message = "It is not root, writes nowhere, and has no rights of the kernel's."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].secrets == [{ name = "DATABASE_URL", valueFrom = var.task.secrets["DATABASE_URL"] }, { name = "PGPASSWORD", valueFrom = var.task.secrets["PGPASSWORD"] }] && jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment == [{ name = "SOUK_PART", value = "service" }]
    error_message = "Secrets are named, and their values are not in the definition."
  }
  assert {
    condition     = contains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].healthCheck.command, "souk_chassis.hosts.health")
    error_message = "ECS asks it for its health."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].healthCheck.startPeriod == 300
    error_message = "It has five minutes to find its database and migrate it."
  }
  assert {
    condition     = aws_ecs_task_definition.this.skip_destroy
    error_message = "The revision before stays: a deployment that fails goes back to it."
  }
}

run "it_starts_with_its_own_secrets_and_runs_without_any" {
  module {
    source = "../container_task"
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.starts.policy).Statement : statement.Resource if statement.Sid == "OwnSecrets"] == [[
      "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1-AbCdEf",
      "arn:aws:secretsmanager:eu-west-1:123456789012:secret:souk/orders/database-AbCdEf",
    ]]
    error_message = "ECS reads the secrets that the task names, whole or a member of them, and no other."
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.starts.policy).Statement : statement.Resource if statement.Sid == "OwnImage"] == [[var.repository_arn]]
    error_message = "It pulls its own image."
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.runs[0].policy).Statement : statement] == [{ Sid = "Publishes", Effect = "Allow", Action = ["sns:Publish"], Resource = ["arn:aws:sns:eu-west-1:123456789012:order-created"] }]
    error_message = "The code may do what the inputs say, and reads no secret."
  }
}

run "a_task_that_serves_nothing" {
  module {
    source = "../container_task"
  }

  variables {
    task       = { name = "provision", image = "any:1", cpu = 256, memory_mib = 512, environment = {}, secrets = {} }
    statements = []
  }

  assert {
    condition     = length(aws_iam_role_policy.runs) == 0 && [for statement in jsondecode(aws_iam_role_policy.starts.policy).Statement : statement.Sid] == ["Registry", "OwnImage", "OwnLog"]
    error_message = "Without secrets and permissions its roles have none."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].portMappings == [] && !can(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].healthCheck)
    error_message = "Without a port there is nothing to ask for its health."
  }
}

run "a_service_is_replaced_without_a_gap" {
  module {
    source = "../container_service"
  }

  variables {
    name       = "order-service"
    cluster    = { arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/souk", name = "souk" }
    task_arn   = "arn:aws:ecs:eu-west-1:123456789012:task-definition/order-service:1"
    port       = 8080
    replicas   = { least = 2, most = 10 }
    scaling    = { cpu_percent = 60, requests_per_minute = 3000 }
    subnet_ids = ["subnet-1", "subnet-2"]
    group_id   = "sg-1"
    target     = { group_arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/any/0123456789abcdef", resource_label = "app/souk/1/targetgroup/any/2" }
  }

  assert {
    condition     = aws_ecs_service.this.deployment_circuit_breaker[0].enable && aws_ecs_service.this.deployment_circuit_breaker[0].rollback && aws_ecs_service.this.deployment_minimum_healthy_percent == 100
    error_message = "Old tasks end when new ones are ready, and a deployment that fails goes back."
  }
  assert {
    condition     = !aws_ecs_service.this.network_configuration[0].assign_public_ip && aws_ecs_service.this.network_configuration[0].security_groups == toset(["sg-1"])
    error_message = "Tasks have their service's group, and no public address."
  }
  assert {
    condition     = aws_ecs_service.this.health_check_grace_period_seconds == 300
    error_message = "The load balancer does not end a task that still migrates its database."
  }
  assert {
    condition     = aws_appautoscaling_target.this.min_capacity == 2 && aws_appautoscaling_target.this.max_capacity == 10 && toset(keys(aws_appautoscaling_policy.this)) == toset(["cpu", "requests"])
    error_message = "It scales by use and by requests, between the least and the most."
  }
}

run "a_database_is_kept_and_speaks_tls" {
  module {
    source = "../database"
  }

  variables {
    name            = "souk"
    settings        = { version = "17", instance_class = "db.t4g.medium", storage_gb = 20, storage_most_gb = 200, multi_az = true, backup_days = 7 }
    subnet_ids      = ["subnet-1", "subnet-2"]
    group_id        = "sg-1"
    key_arn         = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    secrets_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    protected       = true
  }

  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.multi_az && aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.iam_database_authentication_enabled && !aws_db_instance.this.publicly_accessible
    error_message = "It is encrypted, has a standby, and is not deleted by mistake."
  }
  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "Nobody but RDS knows the master's password."
  }
  assert {
    condition     = contains([for parameter in aws_db_parameter_group.this.parameter : "${parameter.name}=${parameter.value}"], "rds.force_ssl=1")
    error_message = "It takes no connection without TLS."
  }
  assert {
    condition     = contains([for parameter in aws_db_parameter_group.this.parameter : "${parameter.name}=${parameter.value}"], "log_parameter_max_length=0")
    error_message = "What it logs of a slow statement has no values."
  }
  assert {
    condition     = strcontains(output.admin_url, "sslmode=require") && !strcontains(output.admin_url, ":@")
    error_message = "The URL has no password."
  }
}

run "images_stay_what_they_are" {
  module {
    source = "../registry"
  }

  variables {
    repositories = ["souk/order-service"]
    key_arn      = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    images_kept  = 30
    protected    = true
  }

  assert {
    condition     = aws_ecr_repository.this["souk/order-service"].image_tag_mutability == "IMMUTABLE" && aws_ecr_repository.this["souk/order-service"].image_scanning_configuration[0].scan_on_push && !aws_ecr_repository.this["souk/order-service"].force_delete
    error_message = "A tag is never written over, and what is pushed is scanned."
  }
}
