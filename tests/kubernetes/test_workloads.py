"""What pods are given time for, and where their numbers come from."""

from pathlib import Path

import pytest

from souk_chassis.engine import intake, worker
from souk_chassis.hosts import http_server
from souk_chassis.http import health
from souk_chassis.storage import migrations, opening, postgres
from souk_topologies.containers import clustered
from souk_topologies.kubernetes.workloads import (
    ANSWERS_IN_S,
    DRAIN_S,
    READY_EACH_S,
    RUN_AS,
    STARTS_IN_S,
    TERMINATION_GRACE_S,
)
from souk_topologies.shop import SERVICES, manifests
from tests.kubernetes.objects import Object, from_files, of_kind

ROOT = Path(__file__).resolve().parents[2]


def test_a_pod_has_time_for_all_that_a_stop_does() -> None:
    """Draining; then requests, the worker's batches and those that came by SQS, one after the other."""
    needed = DRAIN_S + http_server.STOP_GRACE_S + worker.STOP_GRACE_S + intake.STOP_GRACE_S + postgres.CLOSE_TIMEOUT_S
    assert needed < TERMINATION_GRACE_S


def test_a_pod_has_time_for_all_that_a_start_does() -> None:
    """Its database may be awaited, and a migration may take its time: killed in it, the next would begin it anew."""
    assert opening.AWAITED_S + migrations.STATEMENT_TIMEOUT_S <= STARTS_IN_S


def test_a_probe_sees_what_is_missing() -> None:
    assert health.CHECK_TIMEOUT_S < ANSWERS_IN_S < READY_EACH_S


def probes_of(file: str, label: str) -> Object:
    [container] = of_kind(from_files(file), "Deployment")[label]["spec"]["template"]["spec"]["containers"]
    return {name: container[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}


@pytest.mark.parametrize("label", [service.label for service in clustered(manifests().values())])
def test_a_service_is_asked_whether_it_is_ready(label: str) -> None:
    probes = probes_of(f"base/services/{label}.yaml", label)
    assert [probe["httpGet"]["path"] for probe in probes.values()] == ["/health", "/health", "/ready"]
    assert probes["startup"]["periodSeconds"] * probes["startup"]["failureThreshold"] == STARTS_IN_S
    assert {probe["timeoutSeconds"] for probe in probes.values()} == {ANSWERS_IN_S}


def test_a_service_that_is_away_takes_no_gateway_along() -> None:
    """The gateway's `/ready` is that of all services together: asked by the cluster, it would close the whole shop."""
    probes = probes_of("base/gateway/gateway.yaml", "gateway")
    assert {probe["httpGet"]["path"] for probe in probes.values()} == {"/health"}


def test_pods_run_as_the_user_of_the_images() -> None:
    dockerfiles = [ROOT / "topologies/Dockerfile", *(ROOT / f"services/{name}/Dockerfile" for name in SERVICES)]
    for path in dockerfiles:
        assert f"\nUSER {RUN_AS}:{RUN_AS}\n" in path.read_text(), path
