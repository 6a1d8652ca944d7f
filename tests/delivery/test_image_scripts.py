"""Building, pushing, signing and checking an image, and giving it to a cluster: what the commands are told."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.delivery.cloud import ROOT, Cloud

DIGEST = "sha256:" + "a" * 64
BASE_DIGEST = "sha256:" + "b" * 64
REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
TAG = "souk/order-service:c0ffee"
IMAGE = f"{REGISTRY}/souk/order-service@{DIGEST}"
ISSUER = "https://token.actions.githubusercontent.com"


@pytest.fixture
def machine(tmp_path: Path) -> Cloud:
    """Stand-ins that find what they are asked for; in the registry there is no image of this commit yet."""
    made = Cloud(tmp_path)
    made.shell("docker", f'[[ $* != *"{TAG} --format"* ]] || echo {DIGEST}\n[[ $* != *python* ]] || echo {BASE_DIGEST}')
    made.shell("aws", "[[ $2 == get-login-password ]] && echo a-password\n[[ $2 != describe-images ]]")
    made.shell("cosign", "")
    made.shell("kubectl", "")
    return made


def test_the_base_is_taken_by_the_digest_that_its_version_has(machine: Cloud, tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("# A service\nARG BASE=docker.io/library/python:3.13.9-slim\nFROM ${BASE}\n")
    done = machine.run("build_image.sh", str(dockerfile), TAG)
    assert (done.status, done.err) == (0, "")
    asked, built = machine.words()
    assert (
        asked == "docker buildx imagetools inspect docker.io/library/python:3.13.9-slim --format {{.Manifest.Digest}}"
    )
    assert f"--build-arg BASE=docker.io/library/python:3.13.9-slim@{BASE_DIGEST} " in built
    assert built.endswith(f"--load --tag {TAG} .")
    assert re.search(r"--build-arg REVISION=[0-9a-f]{40} ", built)


def test_a_recipe_without_a_base(machine: Cloud, tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM python:3.13\n")
    done = machine.run("build_image.sh", str(dockerfile), TAG)
    assert (done.status, machine.words()) == (1, [])
    assert "has no line ARG BASE=" in done.err


def test_a_registry_that_names_no_digest(machine: Cloud, tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("ARG BASE=python:3.13.9\nFROM ${BASE}\n")
    machine.shell("docker", "echo '<no value>'")
    done = machine.run("build_image.sh", str(dockerfile), TAG)
    assert (done.status, len(machine.words())) == (1, 1)
    assert "names no digest of python:3.13.9" in done.err


def test_an_image_is_pushed_and_signed_by_its_digest(machine: Cloud, tmp_path: Path) -> None:
    done = machine.run("push_image.sh", TAG, REGISTRY, GITHUB_OUTPUT=str(tmp_path / "output"))
    assert (done.status, done.out) == (0, f"{IMAGE}\n")
    assert (tmp_path / "output").read_text() == f"digest={DIGEST}\n"
    assert machine.words()[-4:] == [
        f"docker tag {TAG} {REGISTRY}/{TAG}",
        f"docker push --quiet {REGISTRY}/{TAG}",
        f"docker buildx imagetools inspect {REGISTRY}/{TAG} --format {{{{.Manifest.Digest}}}}",
        f"cosign sign --yes {IMAGE}",
    ]


def test_a_commit_that_is_there_already_is_signed_and_not_pushed(machine: Cloud) -> None:
    machine.shell("aws", f"[[ $2 != describe-images ]] || echo {DIGEST}")
    done = machine.run("push_image.sh", TAG, REGISTRY)
    assert (done.status, done.out) == (0, f"{IMAGE}\n")
    assert not [said for said in machine.words() if said.startswith("docker push")]
    assert machine.words()[-1] == f"cosign sign --yes {IMAGE}"


def test_what_was_not_pushed_is_not_signed(machine: Cloud) -> None:
    machine.shell("docker", "[[ $1 != push ]]")
    assert machine.run("push_image.sh", TAG, REGISTRY).status != 0
    assert not [said for said in machine.words() if said.startswith("cosign")]


def test_only_this_repositorys_own_workflow_on_main_is_a_signer(machine: Cloud) -> None:
    done = machine.run("verify_image.sh", IMAGE, REGISTRY, GITHUB_REPOSITORY="owner/shop")
    assert done.status == 0
    signer = "https://github.com/owner/shop/.github/workflows/service.yml@refs/heads/main"
    asked = f"--certificate-identity {signer} --certificate-oidc-issuer {ISSUER}"
    assert machine.words()[-1] == f"cosign verify {IMAGE} --output text {asked}"


def test_an_image_that_nobody_signed_is_refused(machine: Cloud) -> None:
    machine.shell("cosign", "echo 'no signatures found' >&2; exit 1")
    assert machine.run("verify_image.sh", IMAGE, REGISTRY, GITHUB_REPOSITORY="owner/shop").status == 1


def test_whose_workflow_must_be_said(machine: Cloud) -> None:
    done = machine.run("verify_image.sh", IMAGE, REGISTRY)
    assert (done.status, machine.words()) == (1, [])
    assert "owner/name of the repository" in done.err


OBJECTS = f"""\
kind: Deployment
  - image: {REGISTRY}/souk/product-service:none-yet
---
kind: Deployment
    - env: []
      image: {REGISTRY}/souk/order-service:none-yet
"""


@pytest.fixture
def cluster(machine: Cloud, tmp_path: Path) -> Cloud:
    """kubectl that shows the objects of an overlay, and keeps what is applied. Pods are ready where `well` is there."""
    (tmp_path / "objects").write_text(OBJECTS)
    (tmp_path / "well").touch()
    (tmp_path / "revision").write_text("7")
    machine.shell(
        "kubectl",
        f"""cd {tmp_path}
        case "$*" in
          kustomize*) cat objects ;;
          *" get "*) cat revision ;;
          *apply*) cat > applied; [[ ! -e kubectl-apply-fails ]] ;;
          *undo*) touch well ;;
          *status*) [[ -e well ]] ;;
        esac""",
    )
    return machine


def test_a_cluster_gets_the_services_objects_with_the_image(cluster: Cloud, tmp_path: Path) -> None:
    assert cluster.run("deploy_eks.sh", "order-service", IMAGE, "overlay").status == 0
    asked, *others = cluster.words()[1:]
    assert asked.startswith("kubectl --namespace souk get deployment/order-service --ignore-not-found ")
    assert [cluster.words()[0], *others] == [
        "kubectl kustomize overlay",
        "kubectl --namespace souk apply --selector app.kubernetes.io/name=order-service -f -",
        "kubectl --namespace souk rollout status deployment/order-service --timeout 600s",
    ]
    assert (tmp_path / "applied").read_text() == OBJECTS.replace(f"{REGISTRY}/souk/order-service:none-yet", IMAGE)


def test_pods_that_are_not_ready_give_way_to_those_from_before(cluster: Cloud, tmp_path: Path) -> None:
    (tmp_path / "well").unlink()
    done = cluster.run("deploy_eks.sh", "order-service", IMAGE, "overlay", SOUK_ROLLOUT_TIMEOUT_S="5")
    assert done.status == 1
    assert "the ones from before come back" in done.err
    told = [" ".join(said.split()[3:5]) for said in cluster.words()[1:]]
    assert told == [
        "get deployment/order-service",
        "apply --selector",
        "rollout status",
        "rollout undo",
        "rollout status",
    ]
    assert cluster.words()[-2].endswith("rollout undo deployment/order-service --to-revision 7")


def test_what_is_applied_by_half_is_taken_back(cluster: Cloud, tmp_path: Path) -> None:
    """The deployment may be changed already where another object is refused."""
    (tmp_path / "kubectl-apply-fails").touch()
    assert cluster.run("deploy_eks.sh", "order-service", IMAGE, "overlay").status == 1
    told = [" ".join(said.split()[3:5]) for said in cluster.words()[2:]]
    assert told == ["apply --selector", "rollout undo", "rollout status"]


def test_where_no_pods_were_before_there_is_nothing_to_go_back_to(cluster: Cloud, tmp_path: Path) -> None:
    (tmp_path / "well").unlink()
    (tmp_path / "revision").write_text("")
    done = cluster.run("deploy_eks.sh", "order-service", IMAGE, "overlay")
    assert done.status == 1
    assert "the pods of order-service are not ready, and there were none before" in done.err
    assert not [said for said in cluster.words() if "undo" in said]


def test_an_overlay_without_the_service(cluster: Cloud) -> None:
    done = cluster.run("deploy_eks.sh", "basket-service", IMAGE, "overlay")
    assert (done.status, cluster.words()) == (1, ["kubectl kustomize overlay"])
    assert "no container in overlay has the image souk/basket-service" in done.err


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("build_image.sh", ["Dockerfile"]),
        ("push_image.sh", [TAG]),
        ("verify_image.sh", []),
        ("deploy_eks.sh", ["order-service", "souk/order-service:latest"]),
    ],
)
def test_used_wrongly(machine: Cloud, script: str, arguments: list[str]) -> None:
    done = machine.run(script, *arguments)
    assert (done.status, machine.words()) == (2, [])
    assert done.err.startswith("usage: ")


def test_a_service_has_what_it_was_built_of(tmp_path: Path) -> None:
    """`wheels.py` writes what a scanner looks up: names and versions, and nothing of other services' needs."""
    command = [ROOT / ".venv/bin/python", ROOT / "infra/delivery/wheels.py", "orders", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert {line.partition("-")[0] for line in done.stdout.split()} >= {"msgspec", "cryptography", "pyjwt"}
    assert "aiohttp" not in done.stdout
    assert list(tmp_path.glob("msgspec-*.dist-info/METADATA"))
