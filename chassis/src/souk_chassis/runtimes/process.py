"""A process of its own: its loop, its clock, its log, and the signals that stop it."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

import uvloop

from souk_chassis.clock import SystemClock
from souk_chassis.observability.logs import bridge_standard_logging, writer

CLOCK = SystemClock()


def run(main: Coroutine[Any, Any, None], label: str) -> None:
    """Run a process until it ends."""
    bridge_standard_logging(label)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)
    finally:
        writer.close()


def stop_event() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    return stopping
