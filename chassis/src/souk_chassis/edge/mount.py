"""An existing ASGI app as a part of the shop, unchanged: it is started and ended, and its failures are told alike."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.lifespan.on import LifespanOn

from souk_chassis.config import ConfigError
from souk_chassis.edge.upload import MAX_PASSED_BODY
from souk_chassis.http.endpoint import headers_of, respond
from souk_chassis.http.exchange import failed
from souk_chassis.http.problem import EdgeError
from souk_chassis.observability.logs import Log
from souk_chassis.observability.spans import SERVER, recorder
from souk_chassis.observability.trace import incoming_traceparent

MAX_HELD = 65_536
"""How much of an app's own answer 500 is held back until it is known whether an exception was behind it, in bytes."""


async def open_app(target: str, log: Log, stack: AsyncExitStack) -> "Mounted":
    """The app at `module:attribute`, started; it is ended with the stack. Raises ConfigError."""
    app = _found(target)
    lifespan = LifespanOn(uvicorn.Config(app, lifespan="auto", log_config=None))
    await lifespan.startup()
    if lifespan.should_exit:
        raise ConfigError(f"{target}: its startup failed, see the log")
    stack.push_async_callback(lifespan.shutdown)
    return Mounted(app, log, lifespan.state)


def _found(target: str) -> ASGIApp:
    module, _, attribute = target.partition(":")
    try:
        found: Any = import_module(module)
    except (Exception, SystemExit) as error:  # its own code runs, and may miss a setting or a database
        why = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise ConfigError(f"{target}: it can't be imported: {why}") from error
    try:
        for name in attribute.split("."):
            found = getattr(found, name)
    except AttributeError as error:
        raise ConfigError(f"{target}: {error}") from error
    if not callable(found):
        raise ConfigError(f"{target} is no ASGI app: it can't be called")
    return found  # type: ignore[no-any-return] # whether it is one shows with the first request


class Mounted:
    """An ASGI app. `state` is what its lifespan left for its requests."""

    def __init__(self, app: ASGIApp, log: Log, state: Mapping[str, Any] | None = None) -> None:
        self._app = app
        self._log = log
        self._state = state or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the trace on in the request's header. An exception becomes a problem, also where the app's framework
        has answered 500 in its own form; an answer 500 without one is the app's own."""
        if scope["type"] != "http":
            return
        parent = incoming_traceparent(headers_of(scope).get("traceparent"))
        span = recorder.span(f"{scope['method']} {scope['path']}", self._log.service, SERVER, parent)
        traced = [(name, value) for name, value in scope["headers"] if name != b"traceparent"]
        traced.append((b"traceparent", span.traceparent.encode()))
        answer = _Answer(send)
        try:
            with span:
                bounded = _Bounded(receive)
                await self._app({**scope, "headers": traced, "state": dict(self._state)}, bounded, answer)
        except Exception as error:  # noqa: BLE001 - the border of the program: the caller gets an answer all the same
            told = failed(error, span.traceparent, self._log, scope["path"])
            if not answer.has_begun:
                await respond(send, *told)
            return
        await answer.flush()


class _Bounded:
    """A body that is not longer than one that is passed on."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._size = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > MAX_PASSED_BODY:
            raise EdgeError(413, "too_large", f"The body is larger than {MAX_PASSED_BODY} bytes.")
        return message


class _Answer:
    """Holds an answer 500 back until the app has returned: behind it there may be an exception that says more."""

    def __init__(self, send: Send) -> None:
        self.has_begun = False
        self._send = send
        self._held: list[Message] = []
        self._size = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 500:
            self._held.append(message)
        elif self._held:
            self._held.append(message)
            self._size += len(message.get("body", b""))
            if self._size > MAX_HELD:
                await self.flush()
        else:
            self.has_begun = True
            await self._send(message)

    async def flush(self) -> None:
        """Send what was held."""
        held, self._held = self._held, []
        for message in held:
            self.has_begun = True
            await self._send(message)
