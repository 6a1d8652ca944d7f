"""The deployment scripts with the real AWS CLI, on the emulator: forward, and back from an alarm."""

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import botocore.session
import pytest

from souk_topologies.aws_local.emulator import REGION, emulator
from tests.delivery.cloud import ROOT, SCRIPTS, Ended

TOOLS = ROOT / "build/workflows/bin"
SCRIPT_TIMEOUT_S = 90.0
ALIASED, PLAIN = "order-service", "order-service-events"
NAMES = ["--aliased", ALIASED, "--plain", PLAIN]
IMAGE = "souk/order-service@sha256:" + "a" * 64


class Account:
    """An account on the emulator, by the AWS CLI."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
        path = f"{TOOLS}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {"PATH": path, "HOME": str(folder), "AWS_ENDPOINT_URL": url, **keys}

        self._session = botocore.session.Session()
        self._session.set_credentials("test", "test")
        self._url = url

    def client(self, service: str) -> Any:
        """To set up and to look at: quicker than a command each time."""
        return self._session.create_client(service, region_name=REGION, endpoint_url=self._url)

    def run(self, script: str, *arguments: str) -> Ended:
        command = [SCRIPTS / script, *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=SCRIPT_TIMEOUT_S, check=False
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def package(self, says: str) -> Path:
        """A function's zip that answers with this word."""
        written = io.BytesIO()
        with ZipFile(written, "w") as zipped:
            zipped.writestr("main.py", f"def handler(event, context):\n    return {says!r}\n")
        path = self.folder / f"{says}.zip"
        path.write_bytes(written.getvalue())
        return path

    def answer(self, function: str) -> str:
        """What a function answers, by its alias where it has one."""
        told = {"Qualifier": "live"} if function == ALIASED else {}
        return str(json.loads(self.client("lambda").invoke(FunctionName=function, **told)["Payload"].read()))

    def live(self) -> str:
        """The version that the alias names."""
        return str(self.client("lambda").get_alias(FunctionName=ALIASED, Name="live")["FunctionVersion"])


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    assert (TOOLS / "aws").exists(), f"There is no {TOOLS / 'aws'}: run `make test-infra`."
    folder = tmp_path_factory.mktemp("account")
    with emulator(folder) as url:
        yield Account(url, folder)


def stand(account: Account, name: str) -> None:
    """Make a function with one version, its alarm and its log: as Terraform makes them."""
    functions, alarms, logs = (account.client(kind) for kind in ("lambda", "cloudwatch", "logs"))
    functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="main.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Code={"ZipFile": account.package("old").read_bytes()},
        Publish=True,
    )
    logs.create_log_group(logGroupName=f"/aws/lambda/{name}")
    alarms.put_metric_alarm(
        AlarmName=f"souk-{name}-errors",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )


@pytest.fixture(scope="module")
def shop(account: Account) -> Account:
    """A function with the alias, and one without."""
    for name in (ALIASED, PLAIN):
        stand(account, name)
    account.client("lambda").create_alias(FunctionName=ALIASED, Name="live", FunctionVersion="1")
    return account


def test_functions_go_forward_and_back_from_an_alarm(shop: Account) -> None:
    def deploy(says: str, *more: str) -> Ended:
        told = ("--package", str(shop.package(says)), "--release", says, "--poll-s", "0.1", *more)
        return shop.run("deploy_lambda.py", *told, *NAMES)

    done = deploy("new", "--steps", "10,100", "--watch-s", "0")
    assert (done.status, done.err) == (0, "")
    assert (shop.answer(ALIASED), shop.answer(PLAIN)) == ("new", "new")

    ended: list[Ended] = []
    deploying = threading.Thread(target=lambda: ended.append(deploy("bad", "--steps", "100", "--watch-s", "60")))
    deploying.start()
    while deploying.is_alive() and shop.live() != "3":
        time.sleep(0.1)
    alarm = {"AlarmName": f"souk-{ALIASED}-errors", "StateValue": "ALARM", "StateReason": "a test"}
    shop.client("cloudwatch").set_alarm_state(**alarm)
    deploying.join()
    assert ended[0].status == 1
    assert f"souk-{ALIASED}-errors went on" in ended[0].err
    assert shop.live() == "2"
    assert (shop.answer(ALIASED), shop.answer(PLAIN)) == ("new", "new")

    assert "is on already" in deploy("bad").err


def test_a_function_goes_back_from_an_error_in_its_log(account: Account) -> None:
    """No alarm counts an answer with 5xx. The line comes before its time, and is there at the first look."""
    name, logs = "user-service", account.client("logs")
    stand(account, name)
    account.client("lambda").create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    stream = {"logGroupName": f"/aws/lambda/{name}", "logStreamName": "2026/11/24/[2]0123456789abcdef"}
    logs.create_log_stream(**stream)
    line = json.dumps({"level": "error", "message": "unforeseen failure", "traceId": "4bf92f35"})
    later = int((time.time() + SCRIPT_TIMEOUT_S) * 1000)
    logs.put_log_events(**stream, logEvents=[{"timestamp": later, "message": line}])
    told = ("--package", str(account.package("worse")), "--release", "worse", "--steps", "100", "--watch-s", "60")
    done = account.run("deploy_lambda.py", *told, "--aliased", name)
    assert done.status == 1
    assert f"{name}, version 2, fails: unforeseen failure, error, trace 4bf92f35" in done.err
    alias = account.client("lambda").get_alias(FunctionName=name, Name="live")
    assert (alias["FunctionVersion"], alias.get("RoutingConfig")) in [
        ("1", None),
        ("1", {"AdditionalVersionWeights": {}}),
    ]


def test_a_function_without_versions_gets_its_code_back(shop: Account) -> None:
    """Its code is fetched before, by the link that AWS gives."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        from functions import Plain
    finally:
        sys.path.remove(str(SCRIPTS))
    before = shop.answer(PLAIN)
    with pytest.MonkeyPatch.context() as patched:
        for name, value in shop.environment.items():
            patched.setenv(name, value)
        kept = Plain(PLAIN).keep(shop.folder)
        Plain(PLAIN).change(shop.package("another"))
        assert shop.answer(PLAIN) == "another"
        Plain(PLAIN).change(kept)
    assert shop.answer(PLAIN) == before


def test_a_service_on_ecs_gets_the_image(account: Account) -> None:
    ecs = account.client("ecs")
    ecs.create_cluster(clusterName="souk")
    ecs.register_task_definition(
        family="order-service",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "order-service", "image": "old", "essential": True}],
        tags=[{"key": "project", "value": "souk"}],
    )
    ecs.create_service(
        cluster="souk",
        serviceName="order-service",
        taskDefinition="order-service",
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
    )
    done = account.run("deploy_ecs.py", "--service", "order-service", "--image", IMAGE, "--poll-s", "0.2")
    assert (done.status, done.err) == (0, "")
    service = ecs.describe_services(cluster="souk", services=["order-service"])["services"][0]
    runs = ecs.describe_task_definition(taskDefinition=service["taskDefinition"], include=["TAGS"])
    assert runs["taskDefinition"]["containerDefinitions"][0]["image"] == IMAGE
    assert runs["taskDefinition"]["requiresCompatibilities"] == ["FARGATE"]
    assert runs["tags"] == [{"key": "project", "value": "souk"}]
