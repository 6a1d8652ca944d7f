# The cluster of EKS: what runs on it before the shop does.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name            = "souk"
  place           = { partition = "aws", region = "eu-west-1", account = "123456789012" }
  settings        = { version = "1.33", node_type = "m6i.large", nodes_least = 2, nodes_most = 6, public_cidrs = [] }
  namespace       = "souk"
  subnet_ids      = ["subnet-1", "subnet-2"]
  services        = {}
  key_arn         = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  secrets_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  log             = { retention_days = 30, key_arn = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
}

run "a_cluster_in_private" {
  module {
    source = "../kubernetes"
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "Without public_cidrs it is reached from its network alone."
  }
  assert {
    condition     = jsondecode(aws_eks_addon.this["vpc-cni"].configuration_values).env == { ENABLE_POD_ENI = "true", POD_SECURITY_GROUP_ENFORCING_MODE = "standard", AWS_VPC_K8S_CNI_EXTERNALSNAT = "true" }
    error_message = "A pod's own security group holds, also for what leaves the network."
  }
  assert {
    condition     = toset(keys(aws_eks_addon.on_nodes)) == toset(["coredns", "metrics-server"])
    error_message = "Names are found, and autoscalers know how busy pods are."
  }
  assert {
    condition     = aws_eks_node_group.this.ami_type == "AL2023_x86_64_STANDARD"
    error_message = "Nodes have the processor that the images are for."
  }
}

run "keys_of_a_shop_with_a_database" {
  module {
    source = "../keys"
  }

  variables {
    project = "souk"
    names   = ["secrets", "database", "tables"]
  }

  assert {
    condition     = { for name, key in aws_kms_key.this : name => [for statement in jsondecode(key.policy).Statement : statement.Condition.StringEquals["kms:ViaService"] if statement.Sid == "UsedThroughItsService"][0] } == { secrets = ["secretsmanager.eu-west-1.amazonaws.com", "rds.eu-west-1.amazonaws.com"], database = ["rds.eu-west-1.amazonaws.com"], tables = ["dynamodb.eu-west-1.amazonaws.com"] }
    error_message = "RDS keeps the master's password in a secret, and so uses that key too."
  }
}
