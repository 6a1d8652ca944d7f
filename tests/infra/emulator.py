"""The emulator of AWS for the tests: ministack, on the loopback interface alone."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = ROOT / "build/ministack/bin/ministack"
REGION = "eu-west-1"
START_S = 60.0
ANSWER_S = 40.0

Asked = tuple[str, str, dict[str, str], bytes]


@contextmanager
def emulator(folder: Path, **settings: str) -> Iterator[str]:
    """The emulator's address. What it writes goes into `folder`; it ends with all that it started."""
    command = Path(os.environ.get("SOUK_MINISTACK", INSTALLED))
    if not command.exists():
        raise RuntimeError(f"There is no {command}: run `make test-infra`, or name ministack by SOUK_MINISTACK.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    # MINISTACK_HOST is what functions are told to call: a name would have to be looked up.
    place = {"BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "127.0.0.1", "GATEWAY_PORT": port, "MINISTACK_REGION": REGION}
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), **place, **settings}
    with (folder / "emulator.log").open("wb") as log:
        server = subprocess.Popen(
            [command], cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        await_answer(server, int(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            server.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def await_answer(server: subprocess.Popen[bytes], port: int) -> None:
    """Until it listens. RuntimeError where it ends or takes too long."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("The emulator did not start: see emulator.log.")


def left(url: str) -> list[str]:
    """What stands in the emulator's account, by kind and name. Keys that wait to be deleted don't count."""
    return [f"{kind} {name}" for kind, (asked, names) in LISTINGS.items() for name in names(_ask(url, asked))]


def _ask(url: str, asked: Asked) -> str:
    service, path, headers, body = asked
    scope = f"Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    return ask(url, path, {**headers, "Authorization": f"AWS4-HMAC-SHA256 {scope}"}, body)


def ask(url: str, path: str, headers: dict[str, str], body: bytes = b"") -> str:
    """What an HTTP server on this machine answers: to a POST where there is a body. AssertionError if not with 200."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=ANSWER_S)
    try:
        connection.request("POST" if body else "GET", path, body or None, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    assert answer.status == 200, f"{path} answers {answer.status}: {text[:500]}"
    return text


def _json(service: str, target: str, version: str = "1.1") -> Asked:
    headers = {"X-Amz-Target": target, "Content-Type": f"application/x-amz-json-{version}"}
    return service, "/", headers, b"{}"


def _query(service: str, action: str) -> Asked:
    return service, "/", {"Content-Type": "application/x-www-form-urlencoded"}, f"Action={action}".encode()


def _in_json(member: str, key: str | None = None) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        found: list[Any] = json.loads(text).get(member) or []
        return [str(entry if key is None else entry[key]) for entry in found]

    return names


def _in_xml(element: str) -> Callable[[str], list[str]]:
    return lambda text: re.findall(f"<{element}>([^<]+)</{element}>", text)


LISTINGS: dict[str, tuple[Asked, Callable[[str], list[str]]]] = {
    "table": (_json("dynamodb", "DynamoDB_20120810.ListTables", "1.0"), _in_json("TableNames")),
    "queue": (_json("sqs", "AmazonSQS.ListQueues", "1.0"), _in_json("QueueUrls")),
    "topic": (_query("sns", "ListTopics"), _in_xml("TopicArn")),
    "subscription": (_query("sns", "ListSubscriptions"), _in_xml("SubscriptionArn")),
    "function": (("lambda", "/2015-03-31/functions/", {}, b""), _in_json("Functions", "FunctionName")),
    "mapping": (("lambda", "/2015-03-31/event-source-mappings/", {}, b""), _in_json("EventSourceMappings", "UUID")),
    "role": (_query("iam", "ListRoles"), _in_xml("RoleName")),
    "log group": (_json("logs", "Logs_20140328.DescribeLogGroups"), _in_json("logGroups", "logGroupName")),
    "secret": (_json("secretsmanager", "secretsmanager.ListSecrets"), _in_json("SecretList", "Name")),
    "alias": (_json("kms", "TrentService.ListAliases"), _in_json("Aliases", "AliasName")),
    "rule": (_json("events", "AWSEvents.ListRules"), _in_json("Rules", "Name")),
    "alarm": (_query("monitoring", "DescribeAlarms"), _in_xml("AlarmName")),
    "api": (("apigateway", "/v2/apis", {}, b""), _in_json("items", "apiId")),
    "bucket": (("s3", "/", {}, b""), _in_xml("Name")),
}
"""How to ask for all of a kind, and how to read the names from the answer."""
