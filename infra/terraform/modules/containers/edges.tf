# Who may speak to whom. Services reach each other through the load balancer, and only those that call; each reaches its
# own database, and AWS by the endpoints. Everything else is refused.
locals {
  groups = merge(
    { for service in var.services : service.label => "The containers of ${service.label}" },
    { for name, function in var.functions : "function-${name}" => "The function ${name}, which calls containers" },
    { for instance in keys(local.instances) : "database-${instance}" => "PostgreSQL, the instance ${instance}" },
    {
      "vpc-link"      = "The way in of API Gateway"
      "load-balancer" = "The load balancer before all services in containers"
      "endpoints"     = "The ways to AWS"
      "provision"     = "The task that makes databases and roles"
    },
  )

  # With endpoints AWS is asked inside the network, and else through the NAT gateway.
  to_aws = var.network.endpoints == "none" ? "internet" : "endpoints"
  # Those that ask AWS: for images, secrets and logs where they start, and then for what their roles may do.
  asking = concat(
    [for service in var.services : service.label],
    [for name in keys(var.functions) : "function-${name}"],
    ["provision"],
  )

  edges = merge(
    { "vpc-link load-balancer" = { from = "vpc-link", to = "load-balancer", port = 80, why = "public routes" } },
    { for service in var.services : "load-balancer ${service.label}" => {
      from = "load-balancer", to = service.label, port = service.port, why = "requests and /health"
    } },
    { for name, service in var.services : "${service.label} database-${local.stands_in[name]}" => {
      from = service.label, to = "database-${local.stands_in[name]}", port = 5432, why = "its own database"
    } },
    { for instance in keys(local.instances) : "provision database-${instance}" => {
      from = "provision", to = "database-${instance}", port = 5432, why = "makes databases and roles"
    } },
    { for service in var.services : "${service.label} load-balancer" => {
      from = service.label, to = "load-balancer", port = 80, why = "calls ${join(", ", service.reaches)}"
    } if length(service.reaches) > 0 },
    { for name, function in var.functions : "function-${name} load-balancer" => {
      from = "function-${name}", to = "load-balancer", port = 80, why = "calls ${join(", ", function.reaches)}"
    } },
    { for name in local.asking : "${name} ${local.to_aws}" => { from = name, to = local.to_aws, port = 443, why = "AWS" } },
    { for name in concat([for service in local.on_ecs : service.label], ["provision"]) : "${name} s3" => {
      from = name, to = "s3", port = 443, why = "layers of images"
    } },
    { for name, function in var.functions : "function-${name} dynamodb" => {
      from = "function-${name}", to = "dynamodb", port = 443, why = "its tables"
    } if contains(local.asked[name], "dynamodb") },
    merge([for leaving in local.leaving : { for port in leaving.ports : "${leaving.group} internet ${port}" => {
      from = leaving.group, to = "internet", port = port, why = "network.outside"
    } if !(local.to_aws == "internet" && port == 443) } if contains(var.network.outside, leaving.service)]...),
  )

  # Who has servers outside, by the name that network.outside calls him: containers, and functions in the network, which
  # have no other way there.
  leaving = concat(
    [for name, service in var.services : { service = name, group = service.label, ports = service.ports_outside }],
    [for name, function in var.functions : { service = function.service, group = "function-${name}", ports = function.ports_outside }],
  )

  # Pods with a security group of their own need the cluster's for two things: names, and the kubelet's probes.
  cluster_edges = merge(
    { for service in local.on_eks : "${service.label} cluster tcp" => {
      from = service.label, to = "cluster", port = 53, protocol = "tcp", why = "names"
    } },
    { for service in local.on_eks : "${service.label} cluster udp" => {
      from = service.label, to = "cluster", port = 53, protocol = "udp", why = "names"
    } },
    { for service in local.on_eks : "cluster ${service.label}" => {
      from = "cluster", to = service.label, port = service.port, protocol = "tcp", why = "probes by the kubelet"
    } },
    { for to in ["endpoints"] : "cluster endpoints" => {
      from = "cluster", to = to, port = 443, protocol = "tcp", why = "nodes start, and pull images"
    } if local.to_aws == "endpoints" },
  )

  # The services of AWS that roles in the network ask for, read off their permissions.
  asked = { for name, statements in merge(
    { for name, function in var.functions : name => function.statements },
    { for service in var.services : service.label => service.statements },
  ) : name => distinct(flatten([for statement in statements : [for action in statement.Action : split(":", action)[0]]])) }
  names    = { lambda = "lambda", ses = "email", secretsmanager = "secretsmanager", sns = "sns", sqs = "sqs" }
  starting = ["ecr.api", "ecr.dkr", "logs", "secretsmanager"]
  of_eks   = ["ec2", "eks", "eks-auth", "elasticloadbalancing", "sts"]
  endpoints = var.network.endpoints == "none" ? toset([]) : toset(concat(
    local.starting,
    length(local.on_eks) > 0 ? local.of_eks : [],
    [for service in distinct(flatten(values(local.asked))) : local.names[service] if contains(keys(local.names), service)],
  ))
}
