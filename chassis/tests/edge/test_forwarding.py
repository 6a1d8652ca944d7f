"""What of a request is passed on, and how its target is written."""

import pytest

from souk_chassis.edge.forwarding import end_to_end, forwarded, target_of


@pytest.mark.parametrize(
    ("path", "query", "target"),
    [
        (b"/a%2Fb/../c", b"", "/a%2Fb/../c"),
        (b"/a", b"q=1&r=%20", "/a?q=1&r=%20"),
        (b"/\xff \r\n", b"\xe4#x", "/%FF%20%0D%0A?%E4%23x"),
        (b"/a?b#c", b"", "/a%3Fb%23c"),
        (b"@evil:1/x", b"", "/@evil:1/x"),
        (b"*", b"", "/*"),
    ],
)
def test_a_target_stands_in_a_request_line(path: bytes, query: bytes, target: str) -> None:
    assert target_of(path, query) == target


def test_what_connection_names_ends_here() -> None:
    headers = [(b"Connection", b"close, X-A"), (b"x-a", b"1"), (b"X-B", b"2"), (b"x-b", b"3"), (b"TE", b"trailers")]
    assert end_to_end(headers) == [(b"x-b", b"2"), (b"x-b", b"3")]


@pytest.mark.parametrize(
    ("hops", "seen_from", "scheme"),
    [
        (0, "10.0.0.9", "http"),
        (1, "192.0.2.7, 10.0.0.9", "https"),
        (2, "6.6.6.6, 192.0.2.7, 10.0.0.9", "https"),
        (8, "6.6.6.6, 192.0.2.7, 10.0.0.9", "https"),
    ],
)
def test_proxies_in_front_are_believed_as_far_as_is_set(hops: int, seen_from: str, scheme: str) -> None:
    said = [
        (b"X-Forwarded-For", b"6.6.6.6"),
        (b"x-forwarded-for", b"192.0.2.7"),
        (b"x-forwarded-proto", b"http, https"),
    ]
    headers = dict(forwarded([(b"host", b"a"), *said], "10.0.0.9", "http", "t", hops))
    assert (headers[b"x-forwarded-for"].decode(), headers[b"x-forwarded-proto"].decode()) == (seen_from, scheme)


def test_proxies_in_front_that_say_nothing_are_believed_nothing() -> None:
    headers = dict(forwarded([(b"host", b"a"), (b"x-forwarded-proto", b"ftp")], "10.0.0.9", "http", "t", 1))
    assert (headers[b"x-forwarded-for"], headers[b"x-forwarded-proto"]) == (b"10.0.0.9", b"http")


def test_connection_can_not_take_host_and_length_away() -> None:
    headers = [
        (b"host", b"a"),
        (b"content-length", b"3"),
        (b"connection", b"host, Content-Length, x-a"),
        (b"x-a", b"1"),
    ]
    assert end_to_end(headers) == headers[:2]
