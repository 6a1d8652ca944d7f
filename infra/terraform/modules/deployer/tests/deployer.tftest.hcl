# What the roles of one service may do, and who may be them.
mock_provider "aws" {}

variables {
  project      = "souk"
  place        = { partition = "aws", region = "eu-west-1", account = "123456789012" }
  label        = "order-service"
  functions    = ["order-service", "order-service-events"]
  cluster      = "souk"
  on_eks       = false
  provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  repository   = "owner/shop"
  branch       = "main"
  environment  = "production"
}

run "who_may_be_them" {
  command = plan

  assert {
    condition     = [for name in ["build", "deploy"] : aws_iam_role.this[name].name] == ["souk-build-order-service", "souk-deploy-order-service"]
    error_message = "The workflows name the roles souk-build-<label> and souk-deploy-<label>."
  }
  assert {
    condition = [for name in ["build", "deploy"] : jsondecode(aws_iam_role.this[name].assume_role_policy).Statement[0].Condition] == [
      { StringEquals = {
        "token.actions.githubusercontent.com:aud"              = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub"              = "repo:owner/shop:ref:refs/heads/main"
        "token.actions.githubusercontent.com:job_workflow_ref" = "owner/shop/.github/workflows/service.yml@refs/heads/main"
      } },
      { StringEquals = {
        "token.actions.githubusercontent.com:aud"              = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub"              = "repo:owner/shop:environment:production"
        "token.actions.githubusercontent.com:job_workflow_ref" = "owner/shop/.github/workflows/service.yml@refs/heads/main"
      } },
    ]
    error_message = "Building is for the branch, deploying for the environment, and both for this repository's one workflow alone."
  }
}

# So a repository's tokens name it that was made, renamed or moved since July 2026.
run "a_repository_that_is_named_with_its_numbers" {
  command = plan

  variables {
    repository = "owner@12/shop@345"
  }

  assert {
    condition = [for name in ["build", "deploy"] : jsondecode(aws_iam_role.this[name].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"]] == [
      "repo:owner@12/shop@345:ref:refs/heads/main", "repo:owner@12/shop@345:environment:production",
    ]
    error_message = "The subject has the numbers."
  }
  assert {
    condition     = strcontains(aws_iam_role.this["build"].assume_role_policy, "\"owner/shop/.github/workflows/service.yml@refs/heads/main\"")
    error_message = "The workflow's name has them not."
  }
}

run "what_they_may_do" {
  command = plan

  assert {
    condition = join(" ", distinct(flatten([for name in ["build", "deploy"] : [
      for statement in jsondecode(aws_iam_role_policy.this[name].policy).Statement : statement.Action
      if contains(statement.Resource, "*")
    ]]))) == "ecr:GetAuthorizationToken ecs:DescribeTaskDefinition ecs:RegisterTaskDefinition"
    error_message = "Only what names no resource may be asked of all."
  }
  assert {
    condition = alltrue(flatten([for name in ["build", "deploy"] : [
      for statement in jsondecode(aws_iam_role_policy.this[name].policy).Statement : [
        for resource in statement.Resource : resource == "*" || strcontains(resource, "order-service") || endswith(resource, ":cluster/souk")
      ]
    ]]))
    error_message = "Everything else is the service's own."
  }
  assert {
    condition = !anytrue([
      for statement in jsondecode(aws_iam_role_policy.this["build"].policy).Statement :
      anytrue([for action in statement.Action : !startswith(action, "ecr:")])
    ])
    error_message = "Who builds pushes images, and nothing else."
  }
}

run "a_service_in_containers_has_no_functions" {
  command = plan

  variables {
    functions = []
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.this["deploy"].policy, "lambda:") && !strcontains(aws_iam_role_policy.this["deploy"].policy, "logs:")
    error_message = "There is no function to change."
  }
}

run "a_service_on_eks_is_let_into_the_cluster" {
  command = plan

  variables {
    functions = []
    on_eks    = true
  }

  assert {
    condition     = [for entry in aws_eks_access_entry.deploy : [entry.cluster_name, tolist(entry.kubernetes_groups)]] == [["souk", tolist(["souk-deployers"])]]
    error_message = "The role that deploys is one of the group that infra/kubernetes/overlays/eks/deployers.yaml binds."
  }
}

run "another_is_not" {
  command = plan

  assert {
    condition     = length(aws_eks_access_entry.deploy) == 0
    error_message = "There need be no cluster."
  }
}

run "a_wildcard_for_a_repository_is_refused" {
  command         = plan
  expect_failures = [var.repository]

  variables {
    repository = "owner/*"
  }
}

run "half_of_the_numbers_is_refused" {
  command         = plan
  expect_failures = [var.repository]

  variables {
    repository = "owner@12/shop"
  }
}

run "a_pattern_for_an_environment_is_refused" {
  command         = plan
  expect_failures = [var.environment]

  variables {
    environment = "*"
  }
}
