"""docs/reference/network.md: the edges of the shop, in a cluster of one's own and on AWS.

`.venv/bin/python -m tests.kubernetes.network_page` writes the tables of the page anew.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from souk_chassis.http.api_gateway import Runtime
from souk_chassis.manifest import POSTGRES
from souk_topologies.containers import Place
from souk_topologies.network import DNS, Edge, edges
from souk_topologies.shop import manifests

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/network.md"
BEGIN = "<!-- from here on by tests/kubernetes/network_page.py -->\n"


def page(text: str) -> str:
    """The page with its generated part written anew."""
    return text.partition(BEGIN)[0] + BEGIN + "\n".join(tables()) + "\n"


def tables() -> Iterator[str]:
    """The generated part: a table for each place."""
    services = list(manifests().values())
    yield from _table("In a cluster of one's own", edges(services, Place.CLUSTER))
    yield ""
    all_of_them = {service.name: Runtime.EKS for service in services if POSTGRES in service.stores}
    yield from _table("On AWS, every service on EKS", edges(services, Place.AWS, all_of_them))


def _table(title: str, found: tuple[Edge, ...]) -> Iterator[str]:
    yield f"## {title}"
    yield "| from | to | port | why |"
    yield "|---|---|---|---|"
    rows: Mapping[tuple[str, str, str], list[int]] = _ports(each for each in found if each.target != DNS)
    for (source, target, why), ports in rows.items():
        yield f"| `{source}` | `{target}` | {', '.join(map(str, ports))} | {why} |"


def _ports(found: Iterator[Edge]) -> Mapping[tuple[str, str, str], list[int]]:
    rows: dict[tuple[str, str, str], list[int]] = {}
    for each in found:
        rows.setdefault((each.source, each.target, each.why), []).append(each.port)
    return rows


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
