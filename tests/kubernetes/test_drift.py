"""infra/kubernetes against the manifests, both ways, and user-service against the figures it was designed with."""

import copy
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from souk_chassis.http.api_gateway import Runtime
from souk_topologies.containers import clustered
from souk_topologies.kubernetes import files
from souk_topologies.kubernetes.documents import GENERATED
from souk_topologies.shop import manifests
from tests.kubernetes.objects import SOURCES, Object, from_files, of_kind, read

CLUSTERED = clustered(manifests().values())
IMAGES = {f"souk/{service.label}" for service in CLUSTERED}


def differences(made: dict[str, str], folder: Path) -> list[str]:
    """The files that are not as the manifests say: changed, missing, or left over."""
    generated = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml") if GENERATED in path.read_text("utf-8")
    }
    changed = [name for name in sorted(generated & made.keys()) if (folder / name).read_text("utf-8") != made[name]]
    return changed + sorted(generated ^ made.keys())


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SOURCES, tmp_path / "kubernetes"))


def test_generated_files_are_as_the_manifests_say() -> None:
    made = files(list(manifests().values()))
    assert differences(made, SOURCES) == [], "write them anew: souk render kubernetes --out infra/kubernetes"


@pytest.mark.parametrize(
    ("planted", "instead", "name"),
    [
        ("replicas: 3", "replicas: 1", "base/services/user-service.yaml"),
        ("souk_orders.bootstrap", "souk_users.bootstrap", "base/services/order-service.yaml"),
        ("key: souk/payments/key", "key: souk/users/key", "components/aws/secrets.yaml"),
        ("port: 5432", "port: 5433", "base/provision/provision.yaml"),
    ],
)
def test_a_changed_file_is_caught(committed: Path, planted: str, instead: str, name: str) -> None:
    text = (committed / name).read_text("utf-8")
    assert planted in text
    (committed / name).write_text(text.replace(planted, instead, 1), "utf-8")
    assert differences(files(list(manifests().values())), committed) == [name]


def test_a_missing_file_and_one_left_over_are_caught(committed: Path) -> None:
    services = committed / "base/services"
    (services / "user-service.yaml").rename(services / "review-service.yaml")
    assert differences(files(list(manifests().values())), committed) == [
        "base/services/review-service.yaml",
        "base/services/user-service.yaml",
    ]


def test_a_changed_manifest_is_caught() -> None:
    services = [
        msgspec.structs.replace(service, parts={}) if service.name == "notifications" else service
        for service in manifests().values()
    ]
    assert differences(files(services), SOURCES) == [
        "base/services/notification-service.yaml",
        "base/services/user-service.yaml",  # who may call it
        "components/aws/environment.yaml",
        "components/aws/network.yaml",
        "components/aws/secrets.yaml",  # it signs nothing now
        "overlays/kind/secrets/kustomization.yaml",
    ]


def test_a_service_that_runs_elsewhere_is_in_no_file_of_eks() -> None:
    made = files(list(manifests().values()), {"orders": Runtime.ECS, "users": Runtime.LAMBDA})
    for name in ("network", "secrets", "targets"):
        found = {each["metadata"]["name"] for each in read(made[f"components/aws/{name}.yaml"])}
        assert found == {service.label for service in CLUSTERED} - {"order-service", "user-service"}, name
    told = of_kind(read(made["components/aws/environment.yaml"]), "Deployment")["notification-service"]
    variables = told["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "SOUK_FUNCTIONS", "value": '{"users":"user-service-calls"}'} in variables
    assert {"name": "SOUK_URLS", "$patch": "delete"} in variables


def images_of(kustomization: Object) -> set[str]:
    return {each["name"] for each in kustomization["images"]}


@pytest.mark.parametrize(("overlay", "besides"), [("kind", {"souk/gateway"}), ("eks", set())])
def test_every_overlay_names_the_image_of_every_service(overlay: str, besides: set[str]) -> None:
    [kustomization] = read((SOURCES / f"overlays/{overlay}/kustomization.yaml").read_text())
    assert images_of(kustomization) == IMAGES | besides
    assert len(IMAGES) == len(CLUSTERED)
    planted = copy.deepcopy(kustomization)
    planted["images"].pop(0)
    assert images_of(planted) != IMAGES | besides


# --- user-service


def figures(objects: list[Object]) -> dict[str, Any]:
    """What the design says of user-service."""
    deployment = of_kind(objects, "Deployment")["user-service"]["spec"]
    [container] = deployment["template"]["spec"]["containers"]
    [port] = of_kind(objects, "Service")["user-service"]["spec"]["ports"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    [url] = [each for each in container["env"] if each["name"] == "DATABASE_URL"]
    probes = [(container[name], name) for name in ("livenessProbe", "readinessProbe")]
    return {
        "replicas": deployment["replicas"],
        "database": url["valueFrom"]["secretKeyRef"]["key"],
        "ports": (port["port"], ports[port["targetPort"]]),
        "probes": [
            (
                probe["httpGet"]["path"],
                ports[probe["httpGet"]["port"]],
                probe["initialDelaySeconds"],
                probe["periodSeconds"],
            )
            for probe, _ in probes
        ],
        "requests": container["resources"]["requests"],
        "limits": container["resources"]["limits"],
    }


DESIGNED = {
    "replicas": 3,
    "database": "DATABASE_URL",
    "ports": (80, 8080),
    "probes": [("/health", 8080, 30, 10), ("/ready", 8080, 5, 5)],
    "requests": {"cpu": "250m", "memory": "256Mi"},
    "limits": {"cpu": "500m", "memory": "512Mi"},
}


def test_user_service_is_as_it_was_designed() -> None:
    assert figures(from_files("base/services/user-service.yaml")) == DESIGNED


@pytest.mark.parametrize(
    ("planted", "instead"),
    [
        ("replicas: 3", "replicas: 2"),
        ("port: 80\n", "port: 81\n"),
        ("containerPort: 8080", "containerPort: 8081"),
        ("path: /ready", "path: /health"),
        ("initialDelaySeconds: 30", "initialDelaySeconds: 3"),
        ("periodSeconds: 5", "periodSeconds: 6"),
        ("memory: 256Mi", "memory: 257Mi"),
        ("cpu: 500m", "cpu: 501m"),
    ],
)
def test_a_planted_figure_is_caught(tmp_path: Path, planted: str, instead: str) -> None:
    text = (SOURCES / "base/services/user-service.yaml").read_text("utf-8")
    assert planted in text
    (tmp_path / "user-service.yaml").write_text(text.replace(planted, instead), "utf-8")
    assert figures(from_files("user-service.yaml", folder=tmp_path)) != DESIGNED
