"""Steps of service.yml that need no cloud, run as they are written; those that ask AWS, on the stand-ins."""

import hashlib
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.delivery.cloud import NEW, SCRIPTS, Cloud, Ended, code_of
from tests.delivery.steps import step

ORDERS = {
    "inputs.label": "order-service",
    "inputs.folder": "services/orders",
    "inputs.package": "orders",
    "inputs.runtime": "lambda",
    "inputs.aliased": "order-service",
    "inputs.plain": "order-service-calls order-service-events",
    "vars.SOUK_AWS_ACCOUNT": "123456789012",
    "vars.SOUK_AWS_REGION": "eu-west-1",
}


def settings(**values: str) -> Ended:
    given = {f"vars.{name}" if name.startswith("SOUK") else f"inputs.{name}": text for name, text in values.items()}
    return step("service.yml", "check", "Settings").run(ORDERS | given, {})


@pytest.mark.parametrize("runtime", ["lambda", "ecs", "eks"])
def test_settings_that_are_right(runtime: str) -> None:
    assert settings(runtime=runtime) == Ended(0, "", "")


def test_a_repository_without_an_account_is_told_that_nothing_is_deployed() -> None:
    done = settings(SOUK_AWS_ACCOUNT="", SOUK_AWS_REGION="")
    assert done.status == 0
    assert done.out == "::notice::SOUK_AWS_ACCOUNT is not set: order-service is checked and built, and not deployed\n"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"runtime": "fargate"}, "order-service is to run on 'fargate'"),
        ({"runtime": ""}, "takes lambda, ecs or eks"),
        ({"SOUK_AWS_ACCOUNT": "1234"}, "SOUK_AWS_ACCOUNT is '1234': an account of AWS has 12 digits"),
        ({"SOUK_AWS_REGION": ""}, "SOUK_AWS_REGION is missing"),
    ],
)
def test_settings_that_are_wrong_stop_it_with_a_sentence(values: dict[str, str], says: str) -> None:
    done = settings(**values)
    assert done.status == 1
    assert done.out.startswith("::error::")
    assert says in done.out


@pytest.fixture
def checkout(tmp_path: Path, package: Path) -> Path:
    """A checkout as a job that deploys has it: the scripts, and the package that was built."""
    folder = tmp_path / "checkout"
    (folder / "build/packages").mkdir(parents=True)
    (folder / "infra").mkdir()
    (folder / "infra/delivery").symlink_to(SCRIPTS)
    package.rename(folder / "build/packages/orders.zip")
    return folder


def test_the_step_that_deploys_functions(cloud: Cloud, checkout: Path) -> None:
    values = ORDERS | {"needs.package.outputs.sha256": hashlib.sha256(NEW).hexdigest()}
    # Without alarms it refuses before the first change, and so needs no time to watch any.
    cloud.change(alarms={})
    deploys = step("service.yml", "deploy-functions", "Deploy, step by step")
    done = deploys.run(values, cloud.environment | {"GITHUB_SHA": "c0ffee"}, checkout)
    assert done.status == 1
    names = ("order-service", "order-service-calls", "order-service-events")
    assert f"there is no alarm {', '.join(f'souk-{name}-errors' for name in names)}" in done.err


def test_who_cancels_the_step_gets_back_what_ran_before(cloud: Cloud, checkout: Path, tmp_path: Path) -> None:
    """GitHub tells the step's shell, and nobody below it."""
    deploys = step("service.yml", "deploy-functions", "Deploy, step by step")
    values = ORDERS | {"needs.package.outputs.sha256": hashlib.sha256(NEW).hexdigest()}
    (tmp_path / "step.sh").write_text(deploys.step["run"])
    before = cloud.read()["functions"]
    running = subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", tmp_path / "step.sh"],
        cwd=checkout,
        env=deploys.environment(values) | cloud.environment | {"GITHUB_SHA": "c0ffee"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert running.stdout is not None
        while b"10 %" not in running.stdout.readline():
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        running.wait(20)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    assert running.returncode == 1
    assert cloud.read()["functions"]["order-service"]["alias"] == before["order-service"]["alias"]


def test_it_refuses_a_package_that_was_not_the_one_that_was_built(cloud: Cloud, checkout: Path) -> None:
    values = ORDERS | {"needs.package.outputs.sha256": "0" * 64}
    deploys = step("service.yml", "deploy-functions", "Deploy, step by step")
    assert deploys.run(values, cloud.environment | {"GITHUB_SHA": "c0ffee"}, checkout).status == 2


def test_a_service_that_has_no_function_but_those_with_an_alias(cloud: Cloud, checkout: Path) -> None:
    (checkout / "build/packages/orders.zip").rename(checkout / "build/packages/edge.zip")
    gateway = {"inputs.package": "edge", "inputs.aliased": "order-service", "inputs.plain": ""}
    state = cloud.read()
    done = step("service.yml", "deploy-functions", "Deploy, step by step").run(
        ORDERS | gateway | {"needs.package.outputs.sha256": hashlib.sha256(b"").hexdigest()},
        cloud.environment | {"GITHUB_SHA": "c0ffee"},
        checkout,
    )
    assert (done.status, "and not" in done.err) == (2, True)
    assert code_of(cloud.read(), "order-service") == code_of(state, "order-service")


def test_the_steps_that_push_and_check_an_image(cloud: Cloud, checkout: Path, tmp_path: Path) -> None:
    digest = "sha256:" + "a" * 64
    cloud.shell("aws", f"[[ $2 != describe-images ]] || echo {digest}")
    cloud.shell("docker", "")
    cloud.shell("cosign", "")
    told = {"GITHUB_SHA": "c0ffee", "GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_REPOSITORY": "owner/shop"}
    pushed = step("service.yml", "image", "Push and sign").run(ORDERS, cloud.environment | told, checkout)
    assert pushed.status == 0
    assert (tmp_path / "output").read_text() == f"digest={digest}\n"
    values = ORDERS | {"needs.image.outputs.digest": digest}
    checked = step("service.yml", "deploy-containers", "Who signed it").run(values, cloud.environment | told, checkout)
    assert checked.status == 0
    image = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/souk/order-service@{digest}"
    signed, verified = [said for said in cloud.words() if said.startswith("cosign")]
    assert signed == f"cosign sign --yes {image}"
    assert verified.startswith(f"cosign verify {image} ")
