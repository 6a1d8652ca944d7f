"""Documents of YAML with the reasons written above them."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import yaml

COMMAND = "souk render kubernetes --out infra/kubernetes"
GENERATED = f"# Generated from the manifests by `{COMMAND}`: change those, and run it again.\n"
"""The first line of every generated file."""
_WIDTH = 116

Body = dict[str, Any]


class Document(msgspec.Struct, frozen=True):
    """One object, with what is to be said of it: a paragraph, then a line for each of `reasons`."""

    body: Body
    why: str = ""
    reasons: Sequence[str] = ()

    @property
    def text(self) -> str:
        """The document with its comment."""
        lines = textwrap.wrap(self.why, _WIDTH) + [f"  {reason}" for reason in self.reasons]
        comment = "".join(f"# {line}\n" for line in lines)
        # Never folded: a value that is JSON stays on one line, where it can be searched for.
        return comment + yaml.safe_dump(self.body, sort_keys=False, width=10_000)


def in_yaml(documents: Iterable[Document]) -> str:
    """A generated file."""
    return GENERATED + "---\n" + "---\n".join(document.text for document in documents)


def labels(label: str, component: str) -> dict[str, str]:
    """What every object of a part of the shop is labelled with. `component` says what kind of part it is."""
    return {
        "app.kubernetes.io/name": label,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "souk",
    }


def selector(label: str) -> dict[str, str]:
    """By which labels the pods of a part are found."""
    return {"app.kubernetes.io/name": label}


def of_kind(api: str, kind: str, name: str, spec: Mapping[str, Any], marked: Mapping[str, str]) -> Body:
    """An object with a spec. Kustomize gives it the namespace."""
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": dict(marked)}, "spec": dict(spec)}


def kustomization(*, component: bool = False, **lists: Any) -> Document:
    """A kustomization, or a component, which several overlays share."""
    api = "kustomize.config.k8s.io/v1alpha1" if component else "kustomize.config.k8s.io/v1beta1"
    return Document({"apiVersion": api, "kind": "Component" if component else "Kustomization", **lists})
