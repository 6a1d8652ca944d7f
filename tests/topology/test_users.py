"""Accounts: registering, signing in, and profiles."""

import asyncio
import secrets

from tests.topology.client import ANONYMOUS, Client, Customer


async def test_an_account_is_opened_and_shown(shop: Client) -> None:
    email = f"{secrets.token_hex(6)}@example.org"
    account = {"email": email, "password": "correct horse", "name": "Ada"}
    opened = await shop.ask("POST", "/users", account, token=ANONYMOUS)
    profile = opened.expect(201)
    assert set(profile) == {"userId", "email", "name", "createdAt"}
    assert (profile["email"], profile["name"]) == (email, "Ada")
    assert opened.headers["location"] == f"/users/{profile['userId']}"
    assert b"correct horse" not in opened.body

    signed_in = await shop.ask("POST", "/sessions", {"email": email, "password": "correct horse"}, token=ANONYMOUS)
    session = signed_in.expect(200)
    assert set(session) == {"token", "expiresIn", "userId"}
    assert session["expiresIn"] > 0
    own = await shop.ask("GET", f"/users/{profile['userId']}", token=session["token"])
    assert own.expect(200) == profile
    assert (await shop.ask("GET", f"/users/{profile['userId']}")).expect(200) == profile


async def test_an_address_has_one_account(shop: Client, ada: Customer) -> None:
    again = {"email": ada.email.upper(), "password": "another word", "name": "Eve"}
    (await shop.ask("POST", "/users", again, token=ANONYMOUS)).problem(409, "email_taken", "email")


async def test_ten_at_once_open_one_account(shop: Client) -> None:
    account = {"email": f"{secrets.token_hex(6)}@example.org", "password": "correct horse", "name": "Ada"}
    answers = await asyncio.gather(*(shop.ask("POST", "/users", account, token=ANONYMOUS) for _ in range(10)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 9


async def test_a_wrong_password_and_an_unknown_address_look_alike(shop: Client) -> None:
    customer = await shop.new_customer()
    wrong = {"email": customer.email, "password": "wrong"}
    unknown = {"email": f"{secrets.token_hex(6)}@example.org", "password": "wrong"}
    seen = []
    for credentials in (wrong, unknown):
        problem = (await shop.ask("POST", "/sessions", credentials, token=ANONYMOUS)).problem(401, "wrong_credentials")
        seen.append({name: value for name, value in problem.items() if name != "traceId"})
    assert seen[0] == seen[1]


async def test_guessing_is_stopped(shop: Client) -> None:
    email = f"{secrets.token_hex(6)}@example.org"
    statuses = []
    for _ in range(30):
        answer = await shop.ask("POST", "/sessions", {"email": email, "password": "wrong"}, token=ANONYMOUS)
        statuses.append(answer.status)
        if answer.status == 429:
            answer.problem(429, "too_many_attempts")
            return
    raise AssertionError(f"guessing goes on: {statuses}")


async def test_a_profile_is_for_its_user_and_administrators(shop: Client, ada: Customer, bob: Customer) -> None:
    path = f"/users/{ada.user_id}"
    (await shop.ask("GET", path, token=bob.token)).problem(403, "not_yours")
    (await shop.ask("GET", path, token=ANONYMOUS)).problem(401, "sign_in")
    (await shop.ask("GET", "/users/nobody")).problem(404, "user_not_found")
    (await shop.ask("GET", "/users/nobody", token=ada.token)).problem(403, "not_yours")


async def test_a_new_customer_is_welcomed_once(shop: Client) -> None:
    customer = await shop.new_customer()
    deadline = asyncio.get_running_loop().time() + 20
    while not (mails := await shop.items("/mails", token=customer.token)):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)
    assert [(mail["subject"], mail["to"], mail["orderId"]) for mail in mails] == [("Welcome", customer.email, None)]
