"""Credentials: where they are found, and that they are renewed once, in time, and used on where that fails."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from souk_chassis.aws.credential_endpoint import endpoint_of
from souk_chassis.aws.credentials import (
    CREDENTIALS_KEPT_S,
    RENEWAL_PAUSE_S,
    RENEWED_BEFORE_S,
    Credentials,
    FoundCredentials,
)
from souk_chassis.errors import ErrorKind, SoukError


async def test_the_environment_comes_first() -> None:
    environment = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session"}
    found = FoundCredentials(environment | {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"})
    assert await found.current() == Credentials("key", "secret", "session")


def test_a_secret_is_in_no_log() -> None:
    assert "hidden" not in repr(Credentials("key", "hidden", "hidden"))


class Endpoint:
    """Hands out credentials that end, numbered."""

    def __init__(self, now: list[float]) -> None:
        self.now = now
        self.given = 0
        self.fails = False

    def __call__(self, asked: Any) -> tuple[int, Any]:
        if self.fails:
            return 500, b"no"
        self.given += 1
        ends = datetime.fromtimestamp(self.now[0] + 3_600, UTC)
        answer = {"AccessKeyId": f"key{self.given}", "SecretAccessKey": "s", "Token": "t"}
        return 200, answer | {"Expiration": ends.isoformat().replace("+00:00", "Z")}


@pytest.fixture
def endpoint(stand_in: Any) -> tuple[Endpoint, FoundCredentials]:
    """The endpoint of a container, and credentials of it. The endpoint's clock is the test's."""
    now = [1_800_000_000.0]
    made = Endpoint(now)
    stand_in.answer = made
    environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{stand_in.url}/get?v=1"}
    return made, FoundCredentials(environment, now_s=lambda: now[0])


async def test_a_container_asks_its_endpoint_once(endpoint: tuple[Endpoint, FoundCredentials]) -> None:
    made, found = endpoint
    got = await asyncio.gather(*(found.current() for _ in range(20)))
    assert {each.access_key for each in got} == {"key1"}
    assert got[0] == Credentials("key1", "s", "t", made.now[0] + 3_600)


async def test_credentials_are_renewed_before_they_end(endpoint: tuple[Endpoint, FoundCredentials]) -> None:
    made, found = endpoint
    await found.current()
    made.now[0] += 3_600 - RENEWED_BEFORE_S - 1
    assert (await found.current()).access_key == "key1"
    made.now[0] += 2
    assert {each.access_key for each in await asyncio.gather(*(found.current() for _ in range(20)))} == {"key2"}


async def test_good_ones_are_used_on_while_none_can_be_had(endpoint: tuple[Endpoint, FoundCredentials]) -> None:
    made, found = endpoint
    await found.current()
    made.fails = True
    made.now[0] += 3_600 - RENEWED_BEFORE_S + 1
    assert (await found.current()).access_key == "key1"
    made.fails = False
    assert (await found.current()).access_key == "key1", "it is not asked again at once"
    made.now[0] += RENEWAL_PAUSE_S
    assert (await found.current()).access_key == "key2"
    made.fails = True
    made.now[0] += 3_600
    with pytest.raises(SoukError) as none:
        await found.current()
    assert (none.value.kind, none.value.code) == (ErrorKind.UNAVAILABLE, "no_aws_credentials")


async def test_an_endpoint_that_stumbles_is_asked_again(stand_in: Any) -> None:
    whole = {"AccessKeyId": "key", "SecretAccessKey": "s"}
    answers = [(500, b"no"), (200, b"{}"), (200, whole)]
    stand_in.answer = lambda _: answers.pop(0)
    found = FoundCredentials({"AWS_CONTAINER_CREDENTIALS_FULL_URI": stand_in.url})
    assert await found.current() == Credentials("key", "s")


async def test_the_token_is_read_each_time(stand_in: Any, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    stand_in.answer = lambda _: (200, {"AccessKeyId": "key", "SecretAccessKey": "s"})
    environment = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{stand_in.url}/",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
    }
    await FoundCredentials(environment).current()
    token.write_text("second")
    await FoundCredentials(environment).current()
    del environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]
    await FoundCredentials(environment | {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "third"}).current()
    await FoundCredentials(environment).current()
    assert [asked.headers.get("Authorization") for asked in stand_in.asked] == ["first", "second", "third", None]


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, None),
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"}, "http://169.254.170.2/v2/x"),
        *(
            ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}, url)
            for url in ("http://169.254.170.23/v1", "http://[fd00:ec2::23]/v1", "https://example.org/", "http://[::1]/")
        ),
    ],
)
def test_where_the_endpoint_is(environment: dict[str, str], address: str | None) -> None:
    assert endpoint_of(environment) == address


def test_an_endpoint_elsewhere_is_refused() -> None:
    with pytest.raises(ValueError, match="neither https nor on this host"):
        endpoint_of({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.org/"})


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with nothing but this file of credentials, which botocore reads."""
    file = tmp_path / "credentials"
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return file


async def test_a_laptop_has_files(laptop: Path) -> None:
    laptop.write_text("[default]\naws_access_key_id = filed\naws_secret_access_key = secret\n")
    now = [1_800_000_000.0]
    found = FoundCredentials({}, now_s=lambda: now[0])
    assert await found.current() == Credentials("filed", "secret")
    now[0] += CREDENTIALS_KEPT_S
    assert await found.current() == Credentials("filed", "secret")


async def test_without_any_it_says_so(laptop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SoukError) as none:
        await FoundCredentials({}).current()
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(SoukError) as no_botocore:
        await FoundCredentials({}).current()
    assert none.value.code == no_botocore.value.code == "no_aws_credentials"


def test_nothing_of_it_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys, json, souk_chassis.aws.client, souk_chassis.aws.sqs, souk_chassis.aws.sns, souk_chassis.aws.bus,"
        "souk_chassis.aws.queues, souk_chassis.aws.functions, souk_chassis.aws.secrets,"
        "souk_chassis.storage.dynamodb.http_client; print(json.dumps(sorted(sys.modules)))"
    )
    loaded = json.loads(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout)
    heavy = {"botocore", "aiohttp", "http.client", "xml.etree.ElementTree", "jwt", "cryptography", "asyncpg"}
    assert heavy.isdisjoint(loaded)
