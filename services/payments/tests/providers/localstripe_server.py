"""Runs localstripe on a free loopback port, which it prints, until its input ends. It keeps no file.

localstripe refuses one parameter that Stripe knows; it is taken out on the way in.
"""

import os
import signal
import socket
import sys
import threading
from typing import Any

from aiohttp import web
from localstripe import resources, server

accept = resources.PaymentIntent._api_create.__func__


def without_unknown(cls: Any, /, error_on_requires_action: object = None, **data: Any) -> Any:
    """`PaymentIntent._api_create`, less what localstripe does not know."""
    return accept(cls, **data)


def end_with_input() -> None:
    """Stop when the test that started this program is gone, however it went."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    resources.PaymentIntent._api_create = classmethod(without_unknown)
    resources.Store.dump_to_disk = lambda _: None
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)  # noqa: T201 - the port is what this program says
    threading.Thread(target=end_with_input, daemon=True).start()
    web.run_app(server.app, sock=listening, print=None, access_log=None)
