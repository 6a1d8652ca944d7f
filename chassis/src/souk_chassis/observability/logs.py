"""Structured logs: one JSON object a line on standard output, from every service in the same shape.

Lines are written by a thread of their own from a bounded queue, so that a slow terminal never holds up an order.
What no longer fits is counted, and the count is logged once there is room.
"""

import logging
import sys
import threading
import traceback
from collections import deque
from datetime import UTC, datetime
from functools import cache
from typing import IO, Any

from souk_chassis import wire
from souk_chassis.observability.trace import trace_id

QUEUED_LINES = 20_000
"""The most lines that wait to be written."""
MAX_TRACEBACK = 4_000
"""The most characters of a traceback in a line: its end."""
WRITE_EVERY_S = 0.05

_SECRET_NAMES = frozenset({"password", "token", "secret", "authorization", "card"})


@cache
def _is_secret(name: str) -> bool:
    """Whether the fact of that name is never written. Names stand in the code: there are few."""
    return name.lower() in _SECRET_NAMES


class LogWriter:
    """Writes lines to a stream from its own thread, which looks for new ones every `WRITE_EVERY_S`."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.at_once = False
        """Set where threads stand still between two requests, as on Lambda: each line is then written as it comes."""

    def write(self, line: bytes) -> None:
        """Queue a line. Never blocks, unless lines are written `at_once`."""
        if self.at_once:
            self._put(line)
            return
        if len(self._lines) >= QUEUED_LINES:
            self._dropped += 1
            return
        self._lines.append(line)
        if self._thread is None:
            self._closing.clear()
            self._thread = threading.Thread(target=self._run, name="souk-logs", daemon=True)
            self._thread.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what is queued, then stop."""
        if self._thread is not None:
            self._closing.set()
            self._thread.join(timeout_s)
            self._thread = None

    def _run(self) -> None:
        closing = False
        while not closing:
            closing = self._closing.wait(WRITE_EVERY_S)
            try:
                self._flush()
            except (OSError, ValueError):
                return  # nobody reads any more: logs are the one thing that may be lost

    def _flush(self) -> None:
        chunk = [self._lines.popleft() for _ in range(len(self._lines))]
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            chunk.append(wire.encode({"level": "warning", "message": "log lines dropped", "lines": dropped}))
        if chunk:
            self._put(b"\n".join(chunk))

    def _put(self, lines: bytes) -> None:
        stream = self._stream or sys.stdout
        stream.write(lines.decode() + "\n")
        stream.flush()


writer = LogWriter()


class Log:
    """The log of one service. Facts are camelCase, as on the wire."""

    __slots__ = ("_service", "_writer")

    def __init__(self, service: str, to: LogWriter | None = None) -> None:
        self._service = service
        self._writer = to or writer

    @property
    def service(self) -> str:
        """The service's label, such as `order-service`."""
        return self._service

    def info(self, message: str, traceparent: str = "", **facts: Any) -> None:
        """Something that happened as it should."""
        self._write("info", message, traceparent, facts)

    def warning(self, message: str, traceparent: str = "", **facts: Any) -> None:
        """Something that Souk mends by itself."""
        self._write("warning", message, traceparent, facts)

    def error(self, message: str, traceparent: str = "", error: BaseException | None = None, **facts: Any) -> None:
        """Something that somebody should look at."""
        if error is not None:
            facts["error"] = "".join(traceback.format_exception(error))[-MAX_TRACEBACK:]
        self._write("error", message, traceparent, facts)

    def _write(self, level: str, message: str, traceparent: str, facts: dict[str, Any]) -> None:
        line: dict[str, Any] = {
            "timestamp": datetime.now(UTC),
            "level": level,
            "service": self._service,
            "message": message,
            "traceId": trace_id(traceparent),
        }
        for name, fact in facts.items():
            line[name] = "[hidden]" if _is_secret(name) else fact
        try:
            content = wire.encode(line)
        except (TypeError, ValueError):  # a fact that JSON can't hold must not break the work that it tells of
            plain: dict[str, Any] = {"timestamp": line.pop("timestamp")}
            content = wire.encode(plain | {_writable(name): _writable(fact) for name, fact in line.items()})
        self._writer.write(content)


def _writable(fact: object) -> str:
    return str(fact).encode("utf-8", "backslashreplace").decode()


class _Bridge(logging.Handler):
    """Brings the standard library's log records, those of uvicorn and asyncpg, into the same lines."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if record.levelno >= logging.ERROR:
            self._log.error(record.getMessage(), error=error, logger=record.name)
        else:
            self._log.warning(record.getMessage(), logger=record.name)


def bridge_standard_logging(service: str) -> None:
    """Send warnings and errors of libraries to the structured log."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Bridge)]:
        root.removeHandler(handler)
    root.addHandler(_Bridge(Log(service)))
