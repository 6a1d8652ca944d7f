"""What a place changes in the objects of base, as patches of kustomize."""

from collections.abc import Sequence

from souk_topologies.kubernetes.documents import Body, Document
from souk_topologies.kubernetes.policies import FROM_VPC, TO_VPC, FindPeer, reasons, rules
from souk_topologies.kubernetes.workloads import Variable
from souk_topologies.network import Edge


def deployment_patch(label: str, added: Sequence[Variable], removed: Sequence[str]) -> Document:
    """Adds variables to a container, and takes away what base told it."""
    told: list[Body] = [*added, *({"name": name, "$patch": "delete"} for name in removed)]
    return Document(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": label},
            "spec": {"template": {"spec": {"containers": [{"name": label, "env": told}]}}},
        }
    )


def policy_patch(label: str, edges: Sequence[Edge], find: FindPeer) -> Document:
    """Other rules in place of those of base. It is marked, so that the overlay finds where the VPC's addresses go."""
    spec = rules(label, edges, find)
    marked = (FROM_VPC if spec["ingress"] else {}) | (TO_VPC if spec["egress"] else {})
    body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": label, "labels": marked},
        "spec": spec,
    }
    return Document(body, "Connections that it may take and open:", reasons(label, edges, find))


def removal(label: str) -> Body:
    """An entry of `patches` that takes all objects of a part away."""
    return {
        "target": {"labelSelector": f"app.kubernetes.io/name={label}"},
        "patch": "$patch: delete\napiVersion: any\nkind: Any\nmetadata:\n  name: any\n",
    }
