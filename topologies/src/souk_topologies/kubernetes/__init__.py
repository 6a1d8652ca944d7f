"""Kubernetes' files, from the manifests: what `infra/kubernetes` has for each service, and the secrets of a cluster."""

from souk_topologies.kubernetes.render import files
from souk_topologies.kubernetes.secrets import passwords_needed, secret_files

__all__ = ["files", "passwords_needed", "secret_files"]
