"""The same file names in each service, so that whoever knows one knows all."""

import re
from collections.abc import Iterator, Mapping

from tests.architecture.declarations import read_manifest
from tests.architecture.services import Source, services
from tests.architecture.tree import Breach, Tree

README_LINES = 60

FILES = (
    "README.md",
    "pyproject.toml",
    "requirements.lock",
    "Dockerfile",
    "src/{package}/__init__.py",
    "src/{package}/manifest.py",
    "src/{package}/operations.py",
    "src/{package}/bootstrap.py",
    "tests/test_operations.py",
)
CONSUMING = ("src/{package}/consumers.py", "tests/test_consumers.py")
KEEPING = ("src/{package}/records.py",)
RULES = ("src/{package}/domain.py", "tests/test_domain.py")
"""Who has rules beyond those of one use case has both."""
BY_HAND = (
    "src/{package}/ports.py",
    "src/{package}/tables.py",
    "src/{package}/storage/__init__.py",
    "src/{package}/storage/memory.py",
    "src/{package}/storage/postgres.py",
    "src/{package}/storage/dynamodb.py",
    "tests/test_storage.py",
)
"""A store written by hand: a service with a folder `storage` has all of these."""
OPTIONAL = ("tests/conftest.py",)

EXTRA: Mapping[str, Mapping[str, str]] = {
    "notifications": {
        "ports.py": "the way out of the shop",
        "transports/__init__.py": "adapters of a second port: the way out of the shop",
        "transports/mailbox.py": "the local way: a mail is kept, and sent nowhere",
        "transports/message.py": "a mail in the form of RFC 5322",
        "transports/sending.py": "what the ways out have in common: receipts first, a few at once",
        "transports/ses.py": "the way by Amazon SES",
        "transports/smtp.py": "the way over SMTP",
        "transports/smtp_session.py": "one connection to a mail server",
        "transports/smtp_settings.py": "reads which way mails go, and the address of a mail server",
    },
    "orders": {
        "backlog.py": "back-pressure at the door of placing",
        "facts.py": "what the events and the answers say of an order, in one place",
        "placing.py": "the one use case that is as long as all others together",
        "pricing.py": "asks for prices, and remembers the last ones",
        "storage/dynamodb_rows.py": "keys and items of DynamoDB, and the domain's values",
        "storage/dynamodb_unit.py": "the unit of work beside the reads of storage/dynamodb.py",
        "storage/history.py": "an order's history as the JSON that both databases keep",
        "storage/placing.py": "placing in a unit of work, for stores that have no shorter way",
        "storage/postgres_placing.py": "the one statement that places a batch: the shop's hottest write",
        "storage/postgres_rows.py": "rows of PostgreSQL, and the domain's values",
        "storage/postgres_unit.py": "the unit of work beside the reads of storage/postgres.py",
    },
    "payments": {
        "charging.py": "asks the provider, in between what consumers.py records",
        "refunds.py": "where all refunds are decided",
        "reconciler.py": "mends what no step of the saga will",
        "providers/__init__.py": "adapters of a second port: who takes the money",
        "providers/sandbox.py": "the provider that comes with the shop",
        "ports.py": "what moves the money, and what the use cases stand on",
        "providers/sandbox_books.py": "its books, which are records",
        "providers/stripe.py": "Stripe",
        "providers/stripe_amounts.py": "amounts as Stripe counts them",
    },
    "products": {
        "reconciler.py": "mends what no step of the saga will",
        "storage/dynamodb_rows.py": "keys and items of DynamoDB, and the domain's values",
        "storage/dynamodb_stock.py": "stock in shards, which a hot product needs on DynamoDB",
        "storage/dynamodb_unit.py": "the unit of work beside the reads of storage/dynamodb.py",
        "storage/dynamodb_wide.py": "reservations wider than one of DynamoDB's transactions",
        "stock_movements.py": "reserving, releasing and restocking: what consumers.py and reconciler.py share",
    },
}
"""Files beside those that every service has, with what they are for. One that is gone must go from here."""


def services_have_the_same_files(tree: Tree) -> Iterator[Breach]:
    """Each service has the files that all have, and no others but those that are explained above."""
    for service in services(tree):
        names = _names(FILES, service)
        if read_manifest(service).consumes:
            names |= _names(CONSUMING, service)
        if read_manifest(service).keeps:
            names |= _names(KEEPING, service)
        if (rules := _names(RULES, service)) & tree.files.keys():
            names |= rules
        if tree.paths(f"{service.path}/storage/*"):
            names |= _names(BY_HAND, service)
        for name in sorted(names - tree.files.keys()):
            yield Breach(name, "every service has this file")
        explained = {f"{service.path}/{name}" for name in EXTRA.get(service.name, {})}
        for name in sorted(explained - tree.files.keys()):
            yield Breach(name, "this file is gone: EXTRA need not explain it any more")
        known = names | explained | _names(OPTIONAL, service)
        for path in tree.paths(f"{service.folder}/*"):
            if (
                path not in known
                and not _is_migration(service, path)
                and not path.startswith(f"{service.folder}/tests/")
            ):
                yield Breach(
                    path, "no service has such a file: explain it in EXTRA, or put it where the others have it"
                )


def migrations_are_numbered(tree: Tree) -> Iterator[Breach]:
    """0001, 0002, ... without a gap: they run in this order, once each."""
    for service in services(tree):
        numbers = [path.rpartition("/")[2][:4] for path in tree.paths(f"{service.path}/migrations/*.sql")]
        if numbers != [f"{number:04}" for number in range(1, len(numbers) + 1)]:
            yield Breach(f"{service.path}/migrations", f"numbers of migrations: {', '.join(numbers)}")


def readmes_of_services_are_short(tree: Tree) -> Iterator[Breach]:
    """A service is told in 60 lines."""
    for service in services(tree):
        lines = len(tree.files.get(f"{service.folder}/README.md", "").splitlines())
        if lines > README_LINES:
            yield Breach(f"{service.folder}/README.md", f"{lines} lines; at most {README_LINES}")


def tests_mirror_the_source(tree: Tree) -> Iterator[Breach]:
    """`tests/a/test_b.py`, or `test_b_something.py`, tests the module or package `a/b` of its service.

    `tests/a/test_contract.py` is the suite that all adapters in the package `a` pass.
    """
    for service in services(tree):
        for path in tree.paths(f"{service.folder}/tests/*test_*.py"):
            folder, _, file = path.removeprefix(f"{service.folder}/tests/").rpartition("/")
            words = file.removeprefix("test_").removesuffix(".py").split("_")
            stems = {"_".join(words[:end]) for end in range(1, len(words) + 1)}
            base = "/".join(filter(None, (service.path, folder)))
            if folder and stems == {"contract"} and tree.paths(f"{base}/*.py"):
                continue
            if not any(f"{base}/{stem}.py" in tree.files or tree.paths(f"{base}/{stem}/*") for stem in stems):
                yield Breach(path, "mirrors no module of its service")


def _names(templates: tuple[str, ...], service: Source) -> set[str]:
    return {f"{service.folder}/{template.format(package=service.package)}" for template in templates}


def _is_migration(service: Source, path: str) -> bool:
    return re.fullmatch(rf"{service.path}/migrations/\d{{4}}_\w+\.sql", path) is not None
