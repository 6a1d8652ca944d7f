# Where tasks of Fargate run: those of services on ECS, and the one that makes the databases.
resource "aws_ecs_cluster" "this" {
  # checkov:skip=CKV_AWS_65:ECS's own metrics of processor and memory are free, and scaling goes by them; the insights cost for each task.
  name = var.name
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE"]
}
