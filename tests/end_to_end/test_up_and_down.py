"""`souk up`, `status`, `token` and `down`, as a user types them."""

import json
import socket
from pathlib import Path

import aiohttp
import jwt
import pytest

from tests.end_to_end.conftest import Replayed
from tests.topology.client import ANONYMOUS, Client, lines
from tests.topology.running import Finished, Shop, data_dir, processes_of, souk


def one_line(finished: Finished, status: int) -> str:
    """The one line on stderr of a command that ended with this status."""
    assert (finished.status, finished.out) == (status, ""), finished
    assert finished.err.startswith("souk: "), finished.err
    assert finished.err.count("\n") == 1, finished.err
    return finished.err


def test_status_of_a_running_shop(quiet_shop: Shop) -> None:
    told = souk("status", at=quiet_shop.folder)
    assert told.status == 0, told.err
    assert quiet_shop.url in told.out
    assert "ready" in told.out
    assert str(quiet_shop.pid) in told.out


@pytest.mark.parametrize("options", [[], ["--detach"]])
def test_a_second_shop_on_the_same_folder_is_refused(quiet_shop: Shop, options: list[str]) -> None:
    second = souk("up", "--port", "0", "--empty", *options, at=quiet_shop.folder)
    assert str(quiet_shop.folder) in one_line(second, 2)
    assert souk("status", at=quiet_shop.folder).status == 0


@pytest.mark.parametrize("options", [[], ["--detach"]])
def test_a_port_that_is_taken(options: list[str]) -> None:
    with socket.socket() as taken, data_dir() as folder:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = souk("up", "--empty", "--port", str(port), *options, at=folder)
        assert (refused.status, refused.out) == (2, ""), refused
        # Not detached, the shop's own log goes before it.
        assert f"127.0.0.1:{port}" in refused.err.splitlines()[-1]
        assert processes_of(folder) == []


@pytest.mark.parametrize(
    ("command", "status"), [(["down"], 2), (["audit"], 2), (["token", "--admin"], 2), (["status"], 1)]
)
def test_without_a_shop(command: list[str], status: int, tmp_path: Path) -> None:
    one_line(souk(*command, at=tmp_path / "nothing"), status)


@pytest.mark.parametrize("command", [["up", "--topology", "moon"], ["fly"], ["replay"]])
def test_used_wrongly(command: list[str]) -> None:
    one_line(souk(*command), 2)


async def test_a_token_is_printed_alone_and_opens_the_shop(quiet_shop: Shop, quiet: Client) -> None:
    admin = souk("token", "--admin", at=quiet_shop.folder)
    assert admin.out.count("\n") == 1
    assert admin.err == ""
    (await quiet.ask("GET", "/books/orders", token=admin.out.strip())).expect(200)

    customer = souk("token", "--user", "17", at=quiet_shop.folder).out.strip()
    lamp = await quiet.new_product()
    order = await quiet.confirmed({"items": lines((lamp, 1))}, token=customer)
    assert order["customerId"] == "17"
    (await quiet.ask("GET", "/books/orders", token=customer)).problem(403, "not_allowed")

    nobody = souk("token", at=quiet_shop.folder).out.strip()
    claims = jwt.decode(nobody, options={"verify_signature": False})
    assert claims["role"] == "customer"
    one_line(souk("token", "--user", "a b", at=quiet_shop.folder), 2)


async def test_a_shop_elsewhere_is_named_by_its_address(quiet_shop: Shop, tmp_path: Path) -> None:
    elsewhere = ("audit", "--json", "--url", quiet_shop.url)
    told = souk(*elsewhere, at=tmp_path, environment={"SOUK_TOKEN": quiet_shop.admin})
    assert json.loads(told.out)["ok"], told
    one_line(souk(*elsewhere, at=tmp_path), 2)
    one_line(souk(*elsewhere, at=tmp_path, environment={"SOUK_TOKEN": "garbage"}), 1)
    nowhere = souk("status", at=quiet_shop.folder, environment={"SOUK_DATA_DIR": str(tmp_path)})
    assert nowhere.status == 0, "--data-dir goes before the variable"


async def test_data_survives_down_and_up(busy_shop: Replayed, session: aiohttp.ClientSession) -> None:
    shop = busy_shop.shop
    before = Client(shop.url, shop.admin, session)
    newest = (await before.ask("GET", "/orders", query={"limit": "1"})).expect(200)["items"][0]
    path = f"/orders/{newest['orderId']}"
    order = (await before.ask("GET", path)).expect(200)
    counts = await shop.row_counts()
    shop.down()
    assert processes_of(shop.folder) == []
    with pytest.raises(aiohttp.ClientConnectorError):
        await before.ask("GET", "/health", token=ANONYMOUS)
    shop.up()
    after = Client(shop.url, shop.admin, session)
    assert (await after.ask("GET", path)).expect(200) == order
    assert await shop.row_counts() == counts
    shop.audit()
