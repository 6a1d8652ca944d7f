"""The corner shop: a small monolith as teams have them, with pages, JSON and a database of its own. Nothing of Souk.

It stands for the application that is taken apart in docs/how-to/decompose-a-monolith.md. Settings: `CORNER_DB`, its
file, if left out `corner.db` in the temporary folder; `CORNER_SOUK_URL` and `CORNER_SOUK_TOKEN`, once products and
orders are Souk's and it asks there.
"""

import json
import os
import sqlite3
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import jwt
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

SCHEMA = """
CREATE TABLE IF NOT EXISTS products (sku TEXT PRIMARY KEY, name TEXT, pence INTEGER, stock INTEGER CHECK (stock >= 0));
CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, email TEXT);
CREATE TABLE IF NOT EXISTS lines (order_id INTEGER, sku TEXT, qty INTEGER, pence INTEGER);
"""
SAMPLE = [("tea", "Green tea", 350, 100), ("cup", "Cup & saucer", 1200, 40), ("pot", "Teapot", 2450, 10)]


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """A connection, in one transaction."""
    connection = sqlite3.connect(os.environ.get("CORNER_DB") or Path(tempfile.gettempdir(), "corner.db"))
    connection.row_factory = sqlite3.Row
    try:
        with connection:
            connection.executescript(SCHEMA)
            connection.executemany("INSERT OR IGNORE INTO products VALUES (?, ?, ?, ?)", SAMPLE)
            yield connection
    finally:
        connection.close()


def souk(path: str) -> Any:
    """What Souk's API answers, to this application as an administrator."""
    token = os.environ.get("CORNER_SOUK_TOKEN", "")
    request = urllib.request.Request(os.environ["CORNER_SOUK_URL"] + path, headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def asks_souk() -> bool:
    """Whether products and orders are Souk's already."""
    return bool(os.environ.get("CORNER_SOUK_TOKEN"))


def home(_: Request) -> Response:
    if asks_souk():
        shown = [(each["name"], each["price"]) for each in souk("/products")["items"]]
    else:
        with database() as db:
            rows = db.execute("SELECT name, pence FROM products ORDER BY name")
            shown = [(row["name"], f"{row['pence'] / 100:.2f}") for row in rows]
    items = "".join(f"<li>{escape(name)}: {price}</li>" for name, price in shown)
    return HTMLResponse(f"<!doctype html><title>Corner shop</title><h1>Corner shop</h1><ul>{items}</ul>")


def products(_: Request) -> Response:
    with database() as db:
        return JSONResponse([dict(row) for row in db.execute("SELECT * FROM products ORDER BY sku")])


def place(body: Any) -> Response:
    with database() as db:
        number = db.execute("INSERT INTO orders (email) VALUES (?)", [body["email"]]).lastrowid
        for line in body["lines"]:
            taken = db.execute(
                "UPDATE products SET stock = stock - ? WHERE sku = ? AND stock >= ? RETURNING pence",
                [line["qty"], line["sku"], line["qty"]],
            ).fetchone()
            if taken is None:
                db.rollback()
                return JSONResponse({"error": f"not enough {line['sku']}"}, 409)
            db.execute("INSERT INTO lines VALUES (?, ?, ?, ?)", [number, line["sku"], line["qty"], taken["pence"]])
    return JSONResponse({"order": number}, 201, {"location": f"/orders/{number}"})


async def orders(request: Request) -> Response:
    return await run_in_threadpool(place, await request.json())


def order(request: Request) -> Response:
    with database() as db:
        rows = db.execute("SELECT sku, qty, pence FROM lines WHERE order_id = ?", [request.path_params["number"]])
        found = [dict(row) for row in rows]
    return JSONResponse({"lines": found}, 200 if found else 404)


def sales(_: Request) -> Response:
    if asks_souk():
        page = souk("/orders?status=CONFIRMED&limit=100")
        totals = [round(float(each["total"]) * 100) for each in page["items"]]
        return JSONResponse({"orders": len(totals), "pence": sum(totals)})
    with database() as db:
        row = db.execute("SELECT count(DISTINCT order_id), coalesce(sum(qty * pence), 0) FROM lines").fetchone()
    return JSONResponse({"orders": row[0], "pence": row[1]})


@cache
def keys() -> jwt.PyJWKClient:
    """Souk's public keys, by which a session's token is verified."""
    return jwt.PyJWKClient(os.environ["CORNER_SOUK_URL"] + "/.well-known/jwks.json")


def account(request: Request) -> Response:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        key = keys().get_signing_key_from_jwt(token)
        claims = jwt.decode(token, key, ["EdDSA"], audience="souk", issuer="users", options={"require": ["exp"]})
    except jwt.PyJWTError as error:
        return JSONResponse({"error": str(error)}, 401)
    return JSONResponse({"user": claims["sub"], "points": 10})


app = Starlette(
    routes=[
        Route("/", home),
        Route("/products", products),
        Route("/orders", orders, methods=["POST"]),
        Route("/orders/{number:int}", order),
        Route("/reports/sales", sales),
        Route("/account", account),
    ]
)
