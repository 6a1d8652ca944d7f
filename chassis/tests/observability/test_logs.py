"""Logs: one shape for all lines, nothing secret in them, and never a caller that waits for them."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from souk_chassis.money import Money
from souk_chassis.observability import logs
from souk_chassis.observability.logs import Log, LogWriter, bridge_standard_logging
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.logs import RecordedLines


class Gate(io.StringIO):
    """A terminal that takes nothing before it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.reached = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        assert self.open.wait(10)
        return super().write(text)


class Broken(io.StringIO):
    """A pipe whose reader is gone."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_the_shape_of_all(lines: RecordedLines) -> None:
    before = datetime.now(UTC)
    lines.log("order-service").info(
        "order confirmed", TRACEPARENT, orderId="o1", customerId="c1", total=Money(255), items=3
    )
    [line] = lines.lines
    at = datetime.fromisoformat(line.pop("timestamp"))
    assert at.utcoffset() == timedelta()
    assert before <= at <= datetime.now(UTC)
    assert line == {
        "level": "info",
        "service": "order-service",
        "message": "order confirmed",
        "traceId": TRACEPARENT[3:35],
        "orderId": "o1",
        "customerId": "c1",
        "total": "2.55",
        "items": 3,
    }


def test_levels_and_errors(lines: RecordedLines) -> None:
    log = lines.log()
    log.warning("slow")
    try:
        raise ZeroDivisionError("no " + "x" * 10_000)
    except ZeroDivisionError as error:
        log.error("broken", TRACEPARENT, error=error)
    assert [line["level"] for line in lines.lines] == ["warning", "error"]
    assert lines.lines[0]["traceId"] == ""
    assert lines.lines[1]["error"].endswith("x\n")
    assert len(lines.lines[1]["error"]) == 4000


@pytest.mark.parametrize("name", ["password", "Password", "token", "secret", "authorization", "card"])
def test_secrets_are_hidden(lines: RecordedLines, name: str) -> None:
    lines.log().info("signed in", **{name: "hunter2"})
    assert lines.lines[0][name] == "[hidden]"
    assert "hunter2" not in json.dumps(lines.lines)


@pytest.mark.parametrize("fact", [object(), {1: object()}, "\ud800", {"\ud800": 1}, 1 << 100])
def test_no_fact_breaks_its_caller(lines: RecordedLines, fact: object) -> None:
    lines.log().info("odd", orderId="o1", fact=fact)
    [line] = lines.lines
    assert (line["message"], line["orderId"]) == ("odd", "o1")
    assert datetime.fromisoformat(line["timestamp"]).utcoffset() == timedelta()


def test_lines_are_written_in_order_and_all_before_the_end() -> None:
    stream = io.StringIO()
    writer = LogWriter(stream)
    log = Log("test-service", writer)
    for number in range(3000):
        log.info("line", number=number)
    writer.close()
    assert [line["number"] for line in written(stream)] == list(range(3000))
    log.info("again")
    writer.close()
    assert written(stream)[-1]["message"] == "again"


def test_a_slow_terminal_holds_nobody_up_and_what_is_lost_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "QUEUED_LINES", 10)
    stream = Gate()
    writer = LogWriter(stream)
    log = Log("test-service", writer)
    log.info("first")
    assert stream.reached.wait(10)
    for number in range(25):
        log.info("later", number=number)
    stream.open.set()
    writer.close(timeout_s=10)
    messages = [line["message"] for line in written(stream)]
    assert messages.count("later") == 10
    [dropped] = [line for line in written(stream) if line["message"] == "log lines dropped"]
    assert dropped["lines"] == 15


def test_nobody_reads_any_more() -> None:
    writer = LogWriter(Broken())
    log = Log("test-service", writer)
    for _ in range(3):
        log.info("unheard")
    writer.close(timeout_s=10)
    log.info("unheard")
    writer.close(timeout_s=10)


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers = list(root.handlers)
    yield root
    root.handlers[:] = handlers


def test_libraries_log_into_the_same_lines(
    root_logger: logging.Logger, lines: RecordedLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "writer", lines)
    for _ in range(2):
        bridge_standard_logging("gateway")
    library = logging.getLogger("some.library")
    library.info("chatter")
    library.warning("%s is slow", "it")
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        library.exception("broken")
    assert [(line["level"], line["message"]) for line in lines.lines] == [
        ("warning", "it is slow"),
        ("error", "broken"),
    ]
    assert {(line["service"], line["logger"]) for line in lines.lines} == {("gateway", "some.library")}
    assert "ZeroDivisionError" in lines.lines[1]["error"]
