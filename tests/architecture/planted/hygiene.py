"""Breaches of the rules on machines, mirrors and secrets. Each is put together here, so that this file holds none."""

from tests.architecture.planted import Innocent, Planted
from tests.architecture.rules.hygiene import (
    no_package_index_is_named,
    no_path_of_one_machine,
    no_secrets,
    no_uv_lock,
    nothing_is_left_behind,
    npm_locks_have_no_addresses,
)
from tests.architecture.tree import Rule

_FILE = "docs/planted.txt"
_KEY = "-----BEGIN " + "PRIVATE KEY-----\n" + "MC4CAQAwBQYDK2VwBCIEIA\n"


def _text(rule: Rule, text: str, words: str = "") -> Planted:
    return Planted(rule, lambda t: t.plant(_FILE, text), words)


def _let(rule: Rule, text: str) -> Innocent:
    return Innocent(rule, lambda t: t.plant(_FILE, text))


PLANTED = [
    _text(no_path_of_one_machine, "cd /" + "work/main", "line 1"),
    _text(no_path_of_one_machine, "see\n/" + "root/.ssh", "line 2"),
    _text(no_path_of_one_machine, "'/" + "home/ann/souk'", "line 1"),
    _text(no_path_of_one_machine, "/" + "Users/ann/souk", "line 1"),
    _text(no_path_of_one_machine, "C:\\" + "Users\\ann", "line 1"),
    _text(no_package_index_is_named, "https://" + "pypi" + ".org/simple", "line 1"),
    _text(no_package_index_is_named, "--" + "index-" + "url https://mirror.example/simple", "line 1"),
    _text(no_package_index_is_named, "registry" + "=https://mirror.example", "line 1"),
    Planted(no_uv_lock, lambda t: t.plant("services/users/uv.lock", ""), "the index"),
    Planted(
        npm_locks_have_no_addresses,
        lambda t: t.plant("tests/pages/package-lock.json", '{"a": {"resolved": "https://mirror.example/a.tgz"}}'),
        "fetched from",
    ),
    Planted(nothing_is_left_behind, lambda t: t.plant_binary("corner.db"), "is no text"),
    Planted(nothing_is_left_behind, lambda t: t.plant_binary("docs/pictures/storefront.pdf"), "is no text"),
    Planted(nothing_is_left_behind, lambda t: t.plant("shop/shop.log", "{}"), "left behind"),
    Planted(nothing_is_left_behind, lambda t: t.plant("trials/monolith/corner.db", ""), "left behind"),
    _text(no_secrets, _KEY, "a private key"),
    _text(no_secrets, _KEY.replace("PRIVATE", "RSA " + "PRIVATE"), "a private key"),
    _text(no_secrets, "AK" + "IA" + "ABCDEFGHIJ234567", "an AWS access key"),
    _text(no_secrets, "sk_" + "live_" + "abcdefgh12345678", "Stripe"),
    _text(no_secrets, "ghp" + "_" + "a" * 36, "GitHub"),
    _text(no_secrets, "xoxb" + "-" + "1234567890ab", "Slack"),
    _text(no_secrets, "ey" + "JhbGciOiJFZERTQSJ9." + "ey" + "JzdWIiOiIxMjM0In0." + "a" * 40, "a signed token"),
]

INNOCENT = [
    Innocent(nothing_is_left_behind, lambda t: t.plant_binary("docs/pictures/mailbox.png")),
    _let(no_path_of_one_machine, "https://shop.example/work/7 and ./work/main and /tmp and /usr/bin"),
    _let(no_package_index_is_named, "the index of a page, a registry of images"),
    _let(no_secrets, "-----BEGIN " + "PUBLIC KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n"),
    Innocent(
        npm_locks_have_no_addresses,
        lambda t: t.plant("tests/pages/package-lock.json", '{"a": {"version": "1.0.0", "integrity": "sha512-x"}}'),
    ),
]
