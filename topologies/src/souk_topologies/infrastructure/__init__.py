"""Terraform's inputs, from the manifests."""

from souk_topologies.infrastructure.inputs import PROJECT, terraform_inputs

__all__ = ["PROJECT", "terraform_inputs"]
