"""The network of services in containers, its security groups and the registry, made on the emulator: the groups have
the rules of their edges, and a second plan shows what the emulator forgets and nothing else."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from souk_chassis.config import ConfigError
from souk_topologies.aws_local.emulator import REGION, emulator
from souk_topologies.aws_local.terraform import Terraform
from tests.infra.plans import changes
from tests.infra.standing import ask

MODULE = "environments/network"
FORGOTTEN = {("aws_flow_log", "create"), ("aws_flow_log", "delete"), ("aws_vpc_endpoint", "policy")}
"""docs/reference/emulator.md has it: the flow log's role, and what the endpoints let through."""

EVERY_PORT = "-1"
"""The rule that AWS gives a new group, to let everything out. The provider takes it away, on port 0 as AWS has it; the
emulator has it on another, and keeps it."""


class Network(NamedTuple):
    """What stands: where, by which Terraform, and the groups' ids by name."""

    endpoint: str
    terraform: Terraform
    groups: dict[str, str]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("network")
    try:
        terraform = Terraform(folder)
    except ConfigError as missing:
        pytest.fail(str(missing))
    made = terraform.sources / MODULE
    made.mkdir()
    shutil.copy(Path(__file__).with_name("network.tf"), made / "main.tf")
    terraform.init(MODULE)
    with emulator(folder) as endpoint:
        yield Network(endpoint, terraform, terraform.apply(MODULE, endpoint=endpoint)["groups"])


def rules(network: Network) -> set[tuple[str, bool, str, str]]:
    """Each rule that the emulator has of our groups: of which, whether outwards, to or from whom, and the port."""
    scope = f"Credential=test/20260101/{REGION}/ec2/aws4_request, SignedHeaders=host, Signature=0"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 {scope}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    said = ask(network.endpoint, "/", headers, b"Action=DescribeSecurityGroupRules&Version=2016-11-15")
    names = {group: name for name, group in network.groups.items()}
    found = set()
    for item in re.split(r"<securityGroupRuleId>", said)[1:]:
        group = re.search(r"<groupId>([^<]+)</groupId>", item)
        other = re.search(
            r"<referencedGroupInfo>.*?<groupId>([^<]+)</groupId>|<cidrIpv4>([^<]+)</cidrIpv4>", item, re.DOTALL
        )
        port = re.search(r"<toPort>([^<]+)</toPort>", item)
        if group and other and port and group[1] in names and port[1] != EVERY_PORT:
            whom = names.get(other[1] or "", other[2] or other[1])
            found.add((names[group[1]], "<isEgress>true" in item, whom, port[1]))
    return found


def test_groups_have_the_rules_of_their_edges(network: Network) -> None:
    assert rules(network) == {
        ("load-balancer", True, "order-service", "8080"),
        ("order-service", False, "load-balancer", "8080"),
        ("order-service", True, "database-shop", "5432"),
        ("database-shop", False, "order-service", "5432"),
        ("order-service", True, "0.0.0.0/0", "443"),
    }


def test_a_second_plan_changes_what_the_emulator_forgets_and_nothing_else(network: Network) -> None:
    assert set(changes(network.terraform, MODULE, endpoint=network.endpoint)) == FORGOTTEN
