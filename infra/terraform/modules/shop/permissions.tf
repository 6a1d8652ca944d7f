# Permissions name resources as table/Orders or queue/orders-stock-reserved: here those become ARNs. A name that is not
# in the inputs is refused, since a role that may use what isn't there is a mistake or a hole.
locals {
  prefix = { for service in ["lambda", "ses", "sns", "sqs"] :
    service => "arn:${var.place.partition}:${service}:${var.place.region}:${var.place.account}"
  }

  arns = merge(
    { for name, table in module.table : "table/${name}" => table.arn },
    merge([for name, table in local.tables : {
      for index in table.indexes : "index/${name}/${index.name}" => "${module.table[name].arn}/index/${index.name}"
    }]...),
    { for name, table in local.tables : "stream/${name}" => module.table[name].stream_arn if table.streams },
    # By name: functions call each other in circles, and a queue takes the provider a minute to make.
    { for name in local.topics : "topic/${name}" => "${local.prefix.sns}:${name}" },
    { for name in keys(local.queues) : "queue/${name}" => "${local.prefix.sqs}:${name}" },
    { for name in keys(local.queues) : "dead-letters/${name}" => "${local.prefix.sqs}:${name}-dlq" },
    { for name, tables in local.relays : "unrelayed/${name}" => "${local.prefix.sqs}:${name}-unrelayed" if length(tables) > 0 },
    { for name in keys(local.functions) : "function/${name}" => "${local.prefix.lambda}:function:${name}" },
    { for name, secret in module.secret : "secret/${name}" => secret.arn },
    { for name, secret in module.database_secret : "secret/${name}/database" => secret.arn },
    { for name, arn in module.keys.arns : "key/${name}" => arn },
    # Addresses and domains that may send mail are the account's, and not made here.
    { for name in local.senders : "identity/${name}" => "${local.prefix.ses}:identity/${name}" },
  )
  # Functions by their names, services in containers by their labels.
  permissions = merge(
    { for name, function in local.functions : name => function.permissions },
    { for service in local.contained : service.label => service.container.permissions },
  )
  permitted = toset(flatten([for permissions in local.permissions : [for permission in permissions : permission.resources]]))
  senders   = [for name in local.permitted : trimprefix(name, "identity/") if startswith(name, "identity/")]

  statements = { for name, permissions in local.permissions : name => [for permission in permissions : {
    Sid    = permission.sid
    Effect = "Allow"
    Action = flatten([for action in permission.actions : concat([action], lookup(var.actions_besides, action, []))])
    Resource = concat(
      [for resource in permission.resources : try(local.arns[resource], "unknown:${resource}")],
      flatten([for action in permission.actions : lookup(var.resources_besides, action, [])]),
    )
    # A key is used through the service that keeps what it encrypts, and never by itself.
    Condition = !anytrue([for resource in permission.resources : startswith(resource, "key/")]) ? null : {
      StringEquals = { "kms:ViaService" = distinct(flatten([
        for resource in permission.resources : lookup(module.keys.through, trimprefix(resource, "key/"), [])
      ])) }
    }
  }] }
}

resource "terraform_data" "permissions" {
  input = sort(local.permitted)

  lifecycle {
    precondition {
      condition     = length(setsubtract(local.permitted, keys(local.arns))) == 0
      error_message = "Permissions name resources that the inputs don't have: ${join(", ", setsubtract(local.permitted, keys(local.arns)))}."
    }
    precondition {
      condition = alltrue(flatten([for permissions in local.permissions : [for permission in permissions : [
        for action in permission.actions : can(regex("^[a-z0-9-]+:[A-Za-z0-9]+$", action))
      ]]]))
      error_message = "A permission names each action in full, such as dynamodb:GetItem: no wildcard."
    }
    precondition {
      condition = alltrue(flatten([for permissions in local.permissions : [for permission in permissions :
        length(distinct([for resource in permission.resources : startswith(resource, "key/")])) <= 1
      ]]))
      error_message = "A permission is for keys or for other resources, and not for both: that for keys has a condition."
    }
    precondition {
      condition = alltrue(flatten([for name, service in local.contained : [for secret in values(service.container.secrets) :
        contains(["secret/${name}", "secret/${name}/database"], secret)
      ]]))
      error_message = "A container is given its own service's secrets alone: its key (secret/SERVICE) and its database (secret/SERVICE/database)."
    }
  }
}
