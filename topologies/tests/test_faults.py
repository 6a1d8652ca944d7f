"""A manifest that is wrong is named with file and line."""

import sys
from pathlib import Path

import pytest

from souk_chassis.manifest import ManifestError
from souk_topologies import shop
from souk_topologies.cli import main as command

MANIFEST = """from souk_chassis.manifest import Part, Service, Uses
from souk_contracts import products
{imports}

service = Service(
    "planted",
    "planted-service",
    owns=[],
    implements={{}},
    parts={{Part.HTTP: Uses(calls=[
        {call},
    ])}},
)
"""


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a service `planted` with this manifest the only one of the shop."""

    def make(text: str) -> Path:
        package = tmp_path / "souk_planted"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "manifest.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(shop, "SERVICES", ("planted",))
        for name in ("souk_planted", "souk_planted.manifest"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        return package / "manifest.py"

    yield make
    for name in ("souk_planted", "souk_planted.manifest"):
        sys.modules.pop(name, None)


def fault() -> str:
    with pytest.raises(ManifestError) as raised:
        shop.manifests()
    return str(raised.value)


@pytest.mark.parametrize(
    ("imports", "call"), [("", "products.Quote"), ("from souk_contracts.products import Quote", "Quote")]
)
def test_what_fits_no_other_manifest_is_named_where_it_stands(plant, imports: str, call: str) -> None:
    file = plant(MANIFEST.format(imports=imports, call=call))
    assert fault() == f"{file}:11: planted calls quote, which no service implements"


@pytest.mark.parametrize(
    ("call", "line", "why"),
    [
        ("products.NoSuch", 11, "AttributeError: module 'souk_contracts.products' has no attribute 'NoSuch'"),
        ("NoSuch", 11, "NameError: name 'NoSuch' is not defined"),
        (")", 11, "closing parenthesis ')' does not match"),
    ],
)
def test_what_python_refuses_is_named_where_it_stands(plant, call: str, line: int, why: str) -> None:
    file = plant(MANIFEST.format(imports="", call=call))
    assert fault().startswith(f"{file}:{line}: {why}")


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        ("{call}", '"quote"', 5, "planted calls 'quote', which is no operation"),
        ("{call}", "None", 5, "planted calls None, which is no operation"),
        ("{call}", "products", 11, "planted calls souk_contracts.products, which is no operation"),
        ("{call}", "products.Quotation", 11, "planted calls Quotation, which is no operation"),
        ("owns=[]", "owns=[products.Quotation]", 8, "which is no table"),
        ("owns=[]", "owns=[], publishes=[products.Quotation]", 8, "which is no event"),
        ("owns=[]", "owns=[], consumes={{products.Quotation: None}}", 8, "which is no event"),
        (
            "implements={{}}",
            "implements={{products.Quotation: None}}",
            9,
            "planted implements Quotation, which is no operation",
        ),
        ('"planted",', '"plant",', 5, "'plant' is the manifest of planted, by its package"),
        ("service =", "servce =", 5, "souk_planted.manifest has no service = Service(...)"),
    ],
)
def test_what_is_of_another_kind_is_named_where_it_stands(plant, old: str, new: str, line: int, why: str) -> None:
    text = MANIFEST.replace(old, new, 1).format(imports="", call="products.Quote")
    file = plant(text)
    assert fault().startswith(f"{file}:{line}: ")
    assert fault().endswith(why)


def test_what_is_wrong_in_what_a_manifest_imports_is_named_where_it_stands(plant) -> None:
    rules = plant(MANIFEST.format(imports="import souk_planted.rules", call="products.Quote")).with_name("rules.py")
    for text, line, why in (
        ("\nfrom souk_chassis.operation import Throttle\n\nThrottle(0, 1)\n", 4, "ValueError"),
        ("\n)\n", 2, "unmatched ')'"),
    ):
        rules.write_text(text)
        assert fault().startswith(f"{rules}:{line}: {why}")


def test_an_import_that_fails_is_named_where_it_stands(plant) -> None:
    file = plant(MANIFEST.format(imports="import no_such_module_at_all", call="products.Quote"))
    assert fault() == f"{file}:3: ModuleNotFoundError: No module named 'no_such_module_at_all'"


def test_a_service_that_is_not_there_is_no_fault_of_its_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop, "SERVICES", ("nowhere",))
    with pytest.raises(ModuleNotFoundError, match="souk_nowhere"):
        shop.manifests()


def test_the_command_says_it_in_one_line(plant, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    file = plant(MANIFEST.format(imports="", call="products.Quote"))
    monkeypatch.setattr(sys, "argv", ["souk", "render", "openapi"])
    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"souk: {file}:11: planted calls quote, which no service implements\n"
