"""A service's functions on Lambda, as a deployment changes them: their code, the versions, the alias `live`."""

import urllib.request
from dataclasses import dataclass
from pathlib import Path

from aws_cli import DeployError, aws, say

ALIAS = "live"
"""The name by which API Gateway calls a function; Terraform makes it."""
DOWNLOAD_TIMEOUT_S = 60.0
"""How long fetching a function's code may stand still, in seconds."""
NO_WEIGHTS = "AdditionalVersionWeights={}"


@dataclass(frozen=True, slots=True)
class Code:
    """A package: its file, and its SHA-256 in base64, as Lambda tells it."""

    file: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Aliased:
    """A function that versions of are published, called by the alias: it goes over by portions of its callers."""

    name: str

    def live(self) -> str:
        """The version that the alias names. Raises DeployError."""
        return str(aws("lambda", "get-alias", "--function-name", self.name, "--name", ALIAS)["FunctionVersion"])

    def runs(self, code: Code) -> bool:
        """Whether that version is this code already, and has all callers."""
        alias = aws("lambda", "get-alias", "--function-name", self.name, "--name", ALIAS)
        shared = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights")
        return not shared and _sha256(self.name, "--qualifier", alias["FunctionVersion"]) == code.sha256

    def publish(self, code: Code, release: str) -> str:
        """A version of this code, which nobody calls yet."""
        _upload(self.name, code.file)
        published = aws(
            *("lambda", "publish-version", "--function-name", self.name),
            *("--code-sha256", code.sha256, "--description", release),
        )
        version = str(published["Version"])
        aws("lambda", "wait", "published-version-active", "--function-name", self.name, "--qualifier", version)
        return version

    def share(self, old: str, new: str, percent: int) -> None:
        """Give the new version this portion of the calls, and the old one the rest."""
        weights = f"AdditionalVersionWeights={{{new}={percent / 100:g}}}"
        self._point(old, weights)

    def point(self, version: str) -> None:
        """Give one version all calls."""
        self._point(version, NO_WEIGHTS)

    def _point(self, version: str, weights: str) -> None:
        aws(
            *("lambda", "update-alias", "--function-name", self.name, "--name", ALIAS),
            *("--function-version", version, "--routing-config", weights),
        )


@dataclass(frozen=True, slots=True)
class Plain:
    """A function without versions: what queues, streams, a schedule and other services call. It changes at once."""

    name: str

    def runs(self, code: Code) -> bool:
        """Whether it is this code already."""
        return _sha256(self.name) == code.sha256

    def keep(self, folder: Path) -> Path:
        """A copy of the code that it runs now, to go back to. Raises DeployError."""
        location = aws("lambda", "get-function", "--function-name", self.name)["Code"]["Location"]
        kept = folder / f"{self.name}.zip"
        try:
            with urllib.request.urlopen(location, timeout=DOWNLOAD_TIMEOUT_S) as answer:  # noqa: S310 - AWS's own link
                kept.write_bytes(answer.read())
        except OSError as error:
            raise DeployError(f"the code of {self.name} could not be fetched: {error}") from None
        return kept

    def change(self, code: Path) -> None:
        """Let it run this package from now on."""
        _upload(self.name, code)


def _sha256(name: str, *qualifier: str) -> str:
    found = aws("lambda", "get-function-configuration", "--function-name", name, *qualifier)
    return str(found["CodeSha256"])


def _upload(name: str, package: Path) -> None:
    aws("lambda", "update-function-code", "--function-name", name, "--zip-file", f"fileb://{package}")
    aws("lambda", "wait", "function-updated-v2", "--function-name", name)
    say(f"{name}: has the code of {package.name}")
