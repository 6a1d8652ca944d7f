"""The code of a package runs with nothing else beside it, as in a function's sandbox."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from souk_topologies.shop import SERVICES
from topologies.tests.packages.building import run_in

NAMES = [*SERVICES, "edge"]

IMPORT_ALL = """
import importlib, pathlib
root = pathlib.Path(sys.path[0])
paths = [path.relative_to(root).with_suffix("") for path in root.glob("souk_*/**/*.py")]
for path in paths:
    importlib.import_module(".".join(path.parts).removesuffix(".__init__"))
print(len(paths))
"""

SIGN_AND_VERIFY = """
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
import jwt
key = Ed25519PrivateKey.generate()
pem = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
token = jwt.encode({"sub": "a"}, s.load_pem_private_key(pem, None), algorithm="EdDSA")
print(json.dumps(jwt.decode(token, key.public_key(), algorithms=["EdDSA"])))
"""

ANSWER = """
from souk_chassis.runtimes.lambda_ import handler
class Context:
    def get_remaining_time_in_millis(self):
        return 10_000
event = {"routeKey": "$default", "rawPath": "/openapi.json", "headers": {}}
event["requestContext"] = {"http": {"method": "GET"}}
print(json.dumps(handler(event, Context())))
"""


@pytest.mark.parametrize("name", SERVICES)
def test_the_handler_and_the_service_are_imported(unpacked: Mapping[str, Path], name: str) -> None:
    program = """
import importlib, os
from souk_chassis.runtimes.lambda_ import handler
module = importlib.import_module(os.environ["SOUK_BOOTSTRAP"])
print(json.dumps([callable(handler), callable(module.build), module.service.name]))
"""
    environment = {"SOUK_PART": "http", "SOUK_BOOTSTRAP": f"souk_{name}.bootstrap"}
    assert run_in(unpacked[name], program, **environment) == [True, True, name]


@pytest.mark.parametrize("name", NAMES)
def test_every_module_can_be_imported(unpacked: Mapping[str, Path], name: str) -> None:
    """Those too that a function imports when it needs them: nothing that is shipped asks for what is not."""
    assert run_in(unpacked[name], IMPORT_ALL) > 50


@pytest.mark.parametrize("name", NAMES)
def test_tokens_are_signed_and_verified(unpacked: Mapping[str, Path], name: str) -> None:
    """cryptography needs a part of cffi, and no more of it."""
    assert run_in(unpacked[name], SIGN_AND_VERIFY) == {"sub": "a"}


def test_passwords_are_hashed(unpacked: Mapping[str, Path]) -> None:
    program = "from argon2 import PasswordHasher as P; print(json.dumps(P().verify(P().hash('secret'), 'secret')))"
    assert run_in(unpacked["users"], program) is True


def test_the_gateway_answers_with_the_document(unpacked: Mapping[str, Path]) -> None:
    environment = {"SOUK_PART": "gateway", "LAMBDA_TASK_ROOT": str(unpacked["edge"]), "AWS_REGION": "eu-west-2"}
    answer = run_in(unpacked["edge"], ANSWER, **environment)
    assert (answer["statusCode"], answer["body"]) == (200, (unpacked["edge"] / "openapi.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_byte_code_is_used_without_a_look_at_its_source(
    unpacked: Mapping[str, Path], name: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(unpacked[name], tmp_path / name)
    missing = [path for path in folder.rglob("*.py") if not list(path.parent.glob(f"__pycache__/{path.stem}.*.pyc"))]
    assert missing == []
    for path in folder.rglob("souk_chassis/**/*.py"):
        path.write_text("raise RuntimeError('compiled anew')")
    program = "from souk_chassis.runtimes.lambda_ import handler; print(json.dumps(callable(handler)))"
    assert run_in(folder, program) is True
