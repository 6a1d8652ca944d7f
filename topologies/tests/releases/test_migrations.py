"""Migrations: released ones stay as they are, and new ones let the version before go on working."""

import pytest
from msgspec.structs import replace

from souk_topologies.releases.migrations import breaking, migration_findings
from souk_topologies.releases.sources import Sources
from topologies.tests.releases.conftest import RELEASES
from topologies.tests.releases.lending import NOWHERE, migrations, release

FIRST = ("0001_first.sql", "SELECT 1;")


def told(*files: tuple[str, str]) -> list[str]:
    """What is said of these migrations of books. The first is released."""
    findings = migration_findings(release(), migrations(books=list(files)), NOWHERE)
    return [str(each).rpartition("/migrations/")[2] for each in findings]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("0001_first.sql", "SELECT 2;")], "0001_first.sql: was changed after 0.1.0 was released with it"),
        ([("0001_other.sql", "SELECT 1;")], "0001_first.sql: is gone after 0.1.0"),
        ([], "0001_first.sql: is gone"),
        ([FIRST, ("0003_more.sql", "")], "0003_more.sql: is number 2 of its folder, and not named 0002_...sql"),
        ([FIRST, ("0001_more.sql", "")], "0001_more.sql: is number 2 of its folder"),
        ([("0000_zero.sql", ""), FIRST], "0000_zero.sql: is number 1 of its folder"),
        ([FIRST, ("0002_x.sql", "SELECT 1;\nDROP TABLE books;")], "0002_x.sql:2: 'DROP TABLE books' takes away"),
    ],
)
def test_what_is_released_stays_and_what_is_new_comes_after_it(files: list[tuple[str, str]], words: str) -> None:
    assert any(words in each for each in told(*files)), told(*files)


def test_what_goes_forward_passes() -> None:
    assert told(FIRST) == []
    assert told(FIRST, ("0002_more.sql", "ALTER TABLE books ADD COLUMN shelf text;")) == []


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("drop table if exists books", "takes away"),
        ("DROP FUNCTION receive(text)", "takes away"),
        ("DROP TRIGGER t ON books", "takes away"),
        ("ALTER TABLE books DROP COLUMN shelf", "takes away"),
        ("ALTER TABLE books ADD COLUMN a int, DROP shelf", "takes away"),
        ("ALTER TYPE shelf DROP ATTRIBUTE a", "takes away"),
        ("ALTER TABLE books RENAME TO tomes", "renames"),
        ("ALTER TABLE books RENAME COLUMN a TO b", "renames"),
        ("ALTER VIEW books RENAME TO tomes", "renames"),
        ("ALTER TYPE shelf RENAME VALUE 'a' TO 'b'", "renames"),
        ("ALTER TABLE books SET SCHEMA old", "moves"),
        ("ALTER TABLE books ALTER COLUMN a TYPE bigint", "changes a type"),
        ("ALTER TABLE books ALTER a SET DATA TYPE bigint", "changes a type"),
        ("ALTER TABLE books ALTER COLUMN a SET NOT NULL", "may refuse"),
        ("ALTER TABLE books ALTER COLUMN a DROP DEFAULT", "demands a value"),
        ("ALTER TABLE books ALTER a DROP EXPRESSION", "demands a value"),
        ("ALTER TABLE books ADD COLUMN a numeric(10, 2) NOT NULL", "demands a value"),
        ("ALTER TABLE books ADD a text NOT NULL, ADD b text DEFAULT ''", "demands a value"),
        ("ALTER TABLE books ADD COLUMN a int PRIMARY KEY", "demands a value"),
        ("ALTER TABLE books ALTER COLUMN a DROP IDENTITY IF EXISTS", "refuses a value"),
        ("ALTER TABLE books ALTER a ADD GENERATED ALWAYS AS IDENTITY", "refuses a value"),
        ("ALTER TABLE books ADD CONSTRAINT c CHECK (a > 0)", "may refuse"),
        ("ALTER TABLE books ADD CONSTRAINT c CHECK (a > 0) NOT VALID", "may refuse"),
        ("ALTER TABLE books ADD UNIQUE (a)", "may refuse"),
        ("ALTER TABLE books ADD COLUMN a int NOT NULL DEFAULT 0 UNIQUE", "may refuse"),
        ("ALTER TABLE books ADD FOREIGN KEY (a) REFERENCES shelves (a)", "may refuse"),
        ("CREATE UNIQUE INDEX ON books (a)", "may refuse"),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON books (a)", "may refuse"),
        ("ALTER DOMAIN shelf ADD CHECK (VALUE > 0)", "may refuse"),
        ("ALTER TABLE books DETACH PARTITION old", "takes away or hides rows"),
        ("ALTER TABLE books ENABLE ROW LEVEL SECURITY", "takes away or hides rows"),
        ("TRUNCATE books", "empties"),
        ("DELETE FROM books WHERE a > 1", "takes away rows"),
        ("WITH gone AS (DELETE FROM books RETURNING a) SELECT count(*) FROM gone", "takes away rows"),
        ("MERGE INTO books b USING gone g ON b.a = g.a WHEN MATCHED THEN DELETE", "takes away rows"),
        ("DO $$ BEGIN EXECUTE 'DROP TABLE books'; END $$", "runs a program"),
        ("REVOKE SELECT ON books FROM someone", "takes rights away"),
        ("ALTER TABLE books OWNER TO somebody", "takes rights away"),
        ("ALTER TABLE books DISABLE TRIGGER t", "sets off"),
    ],
)
def test_what_would_break_the_version_before_is_refused_unless_it_is_said_to_be_unused(sql: str, words: str) -> None:
    [(line, why)] = breaking(f"-- Räumt auf; also\n\n{sql};\nSELECT 1;", "0.2.0")
    assert line == 3
    assert words in why
    said = f"-- contract: since 0.2.0 nobody uses it\n{sql};"
    assert list(breaking(said, "0.2.0")) == []
    [(_, why)] = breaking(said, "0.1.9")
    assert why.endswith("; 0.2.0 is not released")
    assert list(breaking(f"{said}\nDROP TABLE more;", "0.2.0")), "the comment is of one statement"


def test_a_table_that_may_be_there_already_is_not_new() -> None:
    [(line, why)] = breaking("CREATE TABLE IF NOT EXISTS books (a int);\nCREATE UNIQUE INDEX i ON books (a);", "0.1.0")
    assert (line, "may refuse" in why) == (2, True)


def test_what_can_not_be_read_is_refused() -> None:
    sql = "SELECT 1;\n-- contract: since 0.1.0 nobody uses it\nALTER TABEL books;\nDROP TABLE books;"
    assert any("can't be read by squawk" in why for _, why in breaking(sql, "0.1.0"))


def test_a_comment_of_squawk_does_not_hush_it() -> None:
    assert list(breaking("-- squawk-ignore ban-drop-table\nDROP TABLE books;", "0.2.0"))


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE books (a int NOT NULL UNIQUE CHECK (a > 0))",
        "CREATE TABLE t (a int); ALTER TABLE t ALTER COLUMN a SET NOT NULL; CREATE UNIQUE INDEX i ON t (a)",
        "ALTER TABLE books ADD COLUMN a int NOT NULL DEFAULT 0",
        "ALTER TABLE books ADD COLUMN a text",
        "ALTER TABLE books ADD COLUMN a bigserial",
        "ALTER TABLE books ADD COLUMN a int NOT NULL DEFAULT 0 CHECK (a >= 0)",
        "UPDATE books SET a = 1",
        "ALTER TABLE books ADD COLUMN a int NOT NULL GENERATED ALWAYS AS (b) STORED",
        "ALTER TABLE books ALTER COLUMN a DROP NOT NULL",
        "ALTER TABLE books ALTER COLUMN a SET DEFAULT 1, ALTER b SET STORAGE EXTERNAL",
        "ALTER TABLE books DROP CONSTRAINT c",
        "ALTER TYPE shelf ADD VALUE 'closed'",
        "DROP INDEX i",
        "CREATE INDEX i ON books (a)",
        "INSERT INTO books VALUES ('DROP TABLE books; ALTER TABLE books DROP a')",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $x$ SELECT 1; DROP TABLE books; $x$",
        "/* DROP TABLE books; */ SELECT 1 -- TRUNCATE books;",
    ],
)
def test_what_lets_it_work_passes(sql: str) -> None:
    assert list(breaking(f"{sql};", "0.1.0")) == []


def test_a_file_is_named_where_it_stands() -> None:
    place = Sources(RELEASES.parent.parent).migration("chassis", "0001_events.sql", 3).rpartition(":")[0]
    assert (RELEASES.parent.parent / place).is_file()


def test_a_service_more_has_migrations_of_its_own() -> None:
    old = replace(release(), services={name: each for name, each in release().services.items() if name != "books"})
    files = [("0001_a.sql", "CREATE TABLE a (a int);"), ("0002_b.sql", "DROP TABLE a;")]
    assert list(migration_findings(old, migrations(books=files), NOWHERE)) == []
