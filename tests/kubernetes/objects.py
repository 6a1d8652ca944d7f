"""Objects of Kubernetes as they stand in infra/kubernetes, and what tests ask of them."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

SOURCES = Path(__file__).resolve().parents[2] / "infra/kubernetes"
NAMESPACE = "souk"
WORKLOADS = ("Deployment", "StatefulSet", "Job")

Object = dict[str, Any]


def read(text: str) -> list[Object]:
    """The objects of a text of YAML."""
    return [each for each in yaml.safe_load_all(text) if each]


def from_files(*patterns: str, folder: Path = SOURCES) -> list[Object]:
    """The objects of all files that fit, without what makes no object of its own: kustomizations."""
    found = [each for pattern in patterns for path in sorted(folder.glob(pattern)) for each in read(path.read_text())]
    return [each for each in found if each["kind"] not in ("Kustomization", "Component")]


def of_kind(objects: Iterable[Object], *kinds: str) -> dict[str, Object]:
    """Objects by their names."""
    return {each["metadata"]["name"]: each for each in objects if each["kind"] in kinds}


def namespace_of(each: Mapping[str, Any]) -> str:
    """Where it is: files leave that to kustomize."""
    return str(each["metadata"].get("namespace", NAMESPACE))


def pod_templates(objects: Iterable[Object]) -> Iterator[tuple[str, Object]]:
    """The template of each workload's pods, by the workload's name."""
    for name, each in of_kind(objects, *WORKLOADS).items():
        yield name, each["spec"]["template"]
