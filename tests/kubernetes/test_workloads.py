"""What pods are given time for, and where their numbers come from."""

from pathlib import Path

from souk_chassis.runtimes import intake, server, worker
from souk_topologies.kubernetes.workloads import DRAIN_S, RUN_AS, TERMINATION_GRACE_S
from souk_topologies.shop import SERVICES

ROOT = Path(__file__).resolve().parents[2]


def test_a_pod_has_time_for_all_that_a_stop_does() -> None:
    """Draining; then requests, the worker's batches and those that came by SQS, one after the other."""
    needed = DRAIN_S + server.STOP_GRACE_S + worker.STOP_GRACE_S + intake.STOP_GRACE_S
    assert needed < TERMINATION_GRACE_S


def test_pods_run_as_the_user_of_the_images() -> None:
    dockerfiles = [ROOT / "topologies/Dockerfile", *(ROOT / f"services/{name}/Dockerfile" for name in SERVICES)]
    for path in dockerfiles:
        assert f"\nUSER {RUN_AS}:{RUN_AS}\n" in path.read_text(), path
