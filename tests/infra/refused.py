"""Variables of a shop that are wrong, and the sentences by which its plan is refused."""

from collections.abc import Mapping
from typing import Any

from tests.infra.variants import NETWORK

REFUSED: Mapping[str, tuple[dict[str, Any], list[str]]] = {
    "network": (
        {
            "network": {
                "zones": ["us-east-1a", "eu-west-1b"],
                "cidr": "10.0.0.0/20",
                "nat": "some",
                "flows": "NONE",
            }
        },
        [
            "zones names availability zones of the shop's own region, eu-west-1, such as eu-west-1a.",
            "Here are us-east-1a, eu-west-1b.",
            "cidr is a block of addresses of /16, such as 10.20.0.0/16",
            "nat is none, single or zone.",
            "flows is REJECT, ACCEPT or ALL.",
        ],
    ),
    "outside": (
        {"network": NETWORK | {"endpoints": "none", "outside": ["moon", "orders"]}},
        [
            "network.outside lets moon, orders out to the internet: that needs network.nat single or zone.",
            "With network.nat none and network.endpoints none nothing in the network reaches AWS",
            "network.outside names what is not in the network: moon.",
            "network.outside lets out orders, whose manifest reaches nothing outside.",
        ],
    ),
    "database": (
        {
            "database": {
                "version": "14",
                "instance_class": "large",
                "storage_gb": 100,
                "storage_most_gb": 105,
                "backup_days": 0,
            }
        },
        [
            "database.version is PostgreSQL 15 or newer, such as 17",
            "database.instance_class is a class of RDS, such as db.t4g.medium.",
            "database.storage_gb is 20 or more, and storage_most_gb a tenth above it at least, as RDS has it.",
            "database.backup_days is 1 to 35",
        ],
    ),
    "kubernetes": (
        {
            "kubernetes": {
                "version": 1.3,
                "node_type": "t3.large",
                "nodes_least": 3,
                "nodes_most": 2,
                "public_cidrs": ["0.0.0.0/0"],
            }
        },
        [
            'kubernetes.version is a version of Kubernetes that EKS has, in quotes, such as "1.33"',
            "kubernetes.node_type is of a family c, m or r from 5 on",
            "kubernetes.nodes_least is 2 or more",
            "kubernetes.public_cidrs are blocks of addresses such as 203.0.113.7/32, and not all the world's.",
        ],
    ),
    "images": (
        {
            "image_tags": {"orders": "1a2b3c4", "order-service": "latest", "product-service": "a b"},
            "network": NETWORK | {"endpoints": "few"},
        },
        [
            "network.endpoints is none, one_zone or every_zone.",
            "latest is no image's tag: it would name another image tomorrow.",
            "An image's tag is 1 to 128 of A-Z, a-z, 0-9, _, . and -",
        ],
    ),
}
"""Variables that are wrong, and each sentence that the plan says of them."""
