"""A log that tests read."""

from typing import Any

from souk_chassis import wire
from souk_chassis.observability.logs import Log, LogWriter


class RecordedLines(LogWriter):
    """Keeps what was logged in `lines`, in order. It starts no thread and writes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def write(self, line: bytes) -> None:
        """Keep a line."""
        self.lines.append(wire.decode(line, dict[str, Any]))

    def log(self, service: str = "test-service") -> Log:
        """A service's log that is kept here."""
        return Log(service, self)

    def messages(self, level: str | None = None) -> list[str]:
        """The messages, of one level or of all."""
        return [line["message"] for line in self.lines if level in (None, line["level"])]
