"""Signatures: AWS's own examples, and botocore's for requests of every shape."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import example, given
from hypothesis import strategies as st

from souk_chassis.aws.credentials import Credentials
from souk_chassis.aws.signing import signed_headers

EXAMPLE_KEY = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
EXAMPLE_TIME = datetime(2015, 8, 30, 12, 36, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "url", "headers", "service", "signature"),
    [
        # The example of the General Reference, "Signature Version 4 signing process".
        (
            "GET",
            "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
            {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
            "iam",
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ),
        # "get-vanilla" and "post-vanilla" of the published test suite of Signature Version 4.
        (
            "GET",
            "https://example.amazonaws.com/",
            {},
            "service",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            "https://example.amazonaws.com/",
            {},
            "service",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
    ],
)
def test_awss_own_examples(method: str, url: str, headers: dict[str, str], service: str, signature: str) -> None:
    signed = signed_headers(
        method, url, headers, b"", EXAMPLE_KEY, region="us-east-1", service=service, now=EXAMPLE_TIME
    )
    assert signed["Authorization"].endswith(f"Signature={signature}")
    assert f"Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request" in signed["Authorization"]


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
segments = st.lists(st.one_of(words, st.sampled_from([".", "..", "", "a:b", "~-_"])), max_size=5)
queries = st.lists(st.tuples(words, st.one_of(words, st.just(""))), max_size=5)
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
headers = st.dictionaries(
    st.sampled_from(["Content-Type", "X-Amz-Target", "Accept", "X-Custom", "user-agent", "X-Amzn-Trace-Id"]), printable
)
hosts = st.sampled_from(["sqs.eu-west-1.amazonaws.com", "LOCALHOST:4566", "127.0.0.1:443", "[::1]:8000", "u:p@host"])


@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    st.sampled_from(["http", "https"]),
    hosts,
    segments,
    queries,
    headers,
    st.binary(max_size=64),
    st.one_of(st.just(""), words.map(quote)),
)
@example("POST", "https", "host", ["a", "b", ""], [("x", "1"), ("x", "0"), ("x-y", "")], {}, b"", "")
def test_signatures_are_botocores(
    method: str,
    scheme: str,
    host: str,
    path: list[str],
    query: list[tuple[str, str]],
    sent: dict[str, str],
    body: bytes,
    token: str,
) -> None:
    url = f"{scheme}://{host}/" + "/".join(quote(part, safe="") for part in path)
    if query:
        url += "?" + "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    theirs = AWSRequest(method=method, url=url, data=body, headers=sent)
    SigV4Auth(BotoCredentials("key", "secret", token or None), "sqs", "eu-west-1").add_auth(theirs)
    now = datetime.strptime(theirs.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = signed_headers(
        method, url, sent, body, Credentials("key", "secret", token), region="eu-west-1", service="sqs", now=now
    )
    assert ours["Authorization"] == theirs.headers["Authorization"]
    assert ours.get("X-Amz-Security-Token", "") == token
