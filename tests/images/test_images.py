"""What lands in an image, and what its Dockerfile says: that service and what it needs, the same bytes each time."""

import importlib.metadata
import marshal
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from souk_topologies.containers import PORT
from souk_topologies.shop import SERVICES, manifests
from tests.images.conftest import Images
from tests.images.recipe import ROOT, build, context, read
from tests.images.rules import faults

DOCKERFILES = [*(f"services/{name}/Dockerfile" for name in SERVICES), "topologies/Dockerfile"]
LOCKS = {f"services/{name}/Dockerfile": f"services/{name}/requirements.lock" for name in SERVICES}
LOCKS["topologies/Dockerfile"] = "topologies/gateway.lock"
LEFT_OUT = {"pycparser"}
"""Locked, since a package names it, and taken out again: it is a parser of C."""
_LOCKED = re.compile(r"^([A-Za-z0-9][^ \\]*)==([^ \\]+)( ; [^\\]+)?", re.MULTILINE)


def locked(path: str) -> dict[str, str]:
    """Name to version, of what a lock installs on this Python."""
    found = {}
    for name, version, marker in _LOCKED.findall((ROOT / path).read_text()):
        need = Requirement(f"{name}=={version}{marker}")
        if need.marker is None or need.marker.evaluate():
            found[name] = version
    return found


def packages(srv: Path) -> Path:
    [found] = (srv / "souk/lib").glob("python*/site-packages")
    return found


def own(dockerfile: str) -> set[str]:
    """The members that an image holds."""
    folder = dockerfile.split("/")
    return {"souk_chassis"} | ({"souk_contracts", f"souk_{folder[1]}"} if folder[0] == "services" else set())


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_an_image_holds_its_service_and_what_that_needs(images: Images, dockerfile: str) -> None:
    site = packages(images(dockerfile))
    assert {path.name for path in site.glob("souk_*") if path.suffix != ".dist-info"} == own(dockerfile)
    installed = {
        canonicalize_name(each.name): each.version for each in importlib.metadata.distributions(path=[str(site)])
    }
    wanted = {name: version for name, version in locked(LOCKS[dockerfile]).items() if name not in LEFT_OUT}
    assert {name: version for name, version in installed.items() if not name.startswith("souk-")} == wanted
    names = [path.relative_to(site).as_posix() for path in site.rglob("*")]
    unwanted = re.compile(
        r"(^|/)(tests?|testing|conftest\.py|test_[^/]*|pip|setuptools|wheel|uv|cffi|pycparser)(/|$)"
        r"|\.(c|h|pyx|pyi|pem|key|toml)$|^souk_topologies|^pytest"
    )
    allowed = re.compile(r"^(anyio|click)/")  # parts of their packages that they import themselves
    assert [name for name in names if unwanted.search(name) and not allowed.search(name)] == []


@pytest.mark.parametrize("dockerfile", ["services/orders/Dockerfile"])
def test_an_image_is_read_only_and_compiled(images: Images, dockerfile: str) -> None:
    srv = images(dockerfile)
    for path in srv.rglob("*"):
        assert path.is_symlink() or not path.lstat().st_mode & 0o022, path
        assert path.lstat().st_mtime == 0, path
    assert sorted(path.name for path in (srv / "souk/bin").iterdir() if not path.name.startswith("python")) == []
    sources = sorted(packages(srv).rglob("*.py"))
    assert len(sources) > 500
    for source in sources:
        [compiled] = (source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")
        head = compiled.read_bytes()
        assert head[4:8] == b"\x01\x00\x00\x00", "it is compared with its source"
    code = marshal.loads(head[16:])  # noqa: S302 - just compiled
    assert isinstance(code, CodeType)
    assert code.co_filename.startswith("/srv/souk/lib/")


def test_python_s_own_modules_are_compiled_as_well(tmp_path: Path) -> None:
    """The base image has them without byte code: what the last stage does to them, done to two of them."""
    library = tmp_path / "python3.99"
    for name in ("http/__init__.py", "socket.py"):
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(sysconfig.get_path("stdlib"), name), library / name)
    [run] = [step.rest for step in read(ROOT / "services/orders/Dockerfile")[-1].steps if step.word == "RUN"]
    compiles = run.rpartition(" && python ")[2].replace("/usr/local/lib", str(tmp_path))
    subprocess.run(["sh", "-c", f"{shlex.quote(sys.executable)} {compiles}"], check=True)
    compiled = [path.read_bytes()[4:8] for path in library.rglob("__pycache__/*.pyc")]
    assert compiled == [b"\x01\x00\x00\x00"] * 2, "they are compared with their sources"


def test_the_same_sources_give_the_same_bytes(images: Images, tmp_path: Path) -> None:
    first, second = images("services/orders/Dockerfile"), build("services/orders/Dockerfile", tmp_path)
    assert dict(contents(first)) == dict(contents(second))


def contents(srv: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(srv.rglob("*")):
        name = path.relative_to(srv).as_posix()
        if path.is_symlink():
            yield name, str(path.readlink()).encode()
        elif path.is_file():
            yield name, path.read_bytes()


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_a_dockerfile_keeps_the_rules(dockerfile: str) -> None:
    assert list(faults((ROOT / dockerfile).read_text(), read(ROOT / dockerfile))) == []


@pytest.mark.parametrize(
    ("said", "planted", "told"),
    [
        ("python:3.13.14-slim-trixie\n\n", "python:3.13-slim\n\n", "exact version"),
        ("python:3.13.14-slim-trixie\n\n", "python:latest\n\n", "exact version"),
        ("FROM ${BASE} AS build", "FROM debian:13 AS build", "something else than BASE"),
        ("USER 10001:10001", "USER root", "USER"),
        ("USER 10001:10001", "USER 0:0", "USER"),
        ("USER 10001:10001\n", "", "USER"),
        ("WORKDIR /\n", "RUN mkdir /data\n", "after USER"),
        ('ENTRYPOINT ["/srv/souk/bin/python", "-I",', 'ENTRYPOINT ["python",', "ENTRYPOINT"),
        ('CMD ["/srv/souk/bin/python"', 'CMD ["curl", "http://localhost:8080/health"', "HEALTHCHECK"),
        ("STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", "STOPSIGNAL"),
        ("EXPOSE 8080", "EXPOSE 80", "EXPOSE"),
        ("image.licenses", "image.vendor", "licenses"),
        ("&& python -m compileall", "&& python -m this", "byte code"),
        ("pip uninstall", "pip check", "installer"),
        ("COPY chassis chassis", "ADD chassis chassis", "ADD"),
        ("COPY chassis chassis", "COPY chassis chassis\nRUN apt-get install gcc", "more than Python"),
        (" --require-hashes", "", "without hashes"),
        ("ENV SOUK_PART=service", "ENV SOUK_KEY=secret", "secret"),
        ("COPY --from=build /srv/souk /srv/souk", "COPY . /srv/souk", "past the build stage"),
    ],
)
def test_a_planted_fault_is_caught(said: str, planted: str, told: str, tmp_path: Path) -> None:
    text = (ROOT / "services/orders/Dockerfile").read_text()
    assert said in text, "the planted fault needs another place"
    path = tmp_path / "Dockerfile"
    path.write_text(text.replace(said, planted))
    assert [fault for fault in faults(path.read_text(), read(path)) if told in fault]


def test_services_have_the_same_dockerfile() -> None:
    pattern = (ROOT / "services/orders/Dockerfile").read_text()
    for name, service in manifests().items():
        expected = pattern.replace("order-service", service.label).replace("orders", name)
        assert (ROOT / f"services/{name}/Dockerfile").read_text() == expected
    assert f"PORT={PORT}" in pattern


def test_a_build_sees_sources_and_locks_alone() -> None:
    tops = {path.parts[0] for path in context()}
    assert tops == {"chassis", "contracts", "services", "topologies", "web", "infra"}
    assert [path for path in context() if "tests" in path.parts or path.suffix in {".tf", ".pem", ".env"}] == []


@pytest.mark.parametrize("lock", [*LOCKS.values(), "topologies/edge.lock"])
def test_a_lock_is_a_part_of_the_workspace_s(lock: str) -> None:
    """With the same hashes: what was tried is what is shipped."""
    whole = blocks((ROOT / "requirements.lock").read_text())
    part = blocks((ROOT / lock).read_text())
    assert part
    assert {name for name in part if whole.get(name) != part[name]} == set(), "run make lock"


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_a_lock_has_all_that_its_members_need(images: Images, dockerfile: str) -> None:
    site = packages(images(dockerfile))
    extras = {"souk-chassis": {"postgres", "server"}}
    if "services/users" in dockerfile:
        extras["souk-chassis"].add("passwords")
    has = {canonicalize_name(each.name): each for each in importlib.metadata.distributions(path=[str(site)])}
    for name, distribution in has.items():
        for text in distribution.requires or ():
            need = Requirement(text)
            asked = {"", *extras.get(name, ())}
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in asked):
                assert canonicalize_name(need.name) in has.keys() | LEFT_OUT, f"{name} needs {need.name}: run make lock"


def test_images_are_installed_by_the_uv_of_make() -> None:
    [version] = re.findall(r"^UV_VERSION := (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert locked("infra/images/tools.lock") == {"uv": version}
    assert (ROOT / "infra/images/tools.in").read_text() == f"uv=={version}\n"


def blocks(text: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Name to version and hashes."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for block in re.split(r"\n(?=\S)", text):
        head = _LOCKED.match(block)
        if head:
            found[head[1]] = head[2], tuple(sorted(re.findall(r"--hash=(\S+)", block)))
    return found
