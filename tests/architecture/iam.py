"""docs/reference/iam.md: what each function and each container on AWS may do, and why, from Terraform's inputs.

`.venv/bin/python -m tests.architecture.iam` writes the tables of the page anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from souk_chassis.http.api_gateway import Runtime
from souk_chassis.manifest import POSTGRES
from souk_topologies.infrastructure import terraform_inputs
from souk_topologies.shop import manifests

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/iam.md"
SENDER = "shop@example.org"
SETTINGS = {"notifications": {"SOUK_MAIL_TRANSPORT": "ses", "SOUK_MAIL_FROM": f"Souk <{SENDER}>"}}
"""With SES, so that its permission is in the page."""
BEGIN = "<!-- from here on by tests/architecture/iam.py -->\n"


def tables() -> str:
    """The generated part: a section for each function, a row for each of its permissions."""
    return "\n".join(line for name, function in functions() for line in _section(name, function)) + "\n"


def functions() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every function with what the inputs say of it, by name; and every service's container, where all are in
    containers."""
    services = list(manifests().values())
    inputs = terraform_inputs(services, {}, SETTINGS)
    groups = [*inputs["services"].values(), inputs["gateway"]]
    found = {each["name"]: each for group in groups for each in group["functions"].values()}
    on_ecs = {service.name: Runtime.ECS for service in services if POSTGRES in service.stores}
    contained = terraform_inputs(services, {}, SETTINGS, on_ecs)["services"]
    found |= {f"{contained[name]['label']} in containers": contained[name]["container"] for name in on_ecs}
    yield from sorted(found.items())


def _section(name: str, function: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {name}"
    if not function["permissions"]:
        yield "Nothing.\n"
        return
    yield "| `Sid` | may | on | why |"
    yield "|---|---|---|---|"
    for each in function["permissions"]:
        yield f"| `{each['sid']}` | {_words(each['actions'])} | {_words(each['resources'])} | {each['why']} |"
    yield ""


def _words(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def page(text: str) -> str:
    """The page with its generated part written anew."""
    return text.partition(BEGIN)[0] + BEGIN + tables()


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
