"""Whether the process of this container answers: an image has no curl. `python -m ...`; exit status 0 where it does."""

import http.client
import os
import sys

TIMEOUT_S = 2.0
"""How long the answer may take."""


def is_healthy(port: int) -> bool:
    """Whether `/health` on this machine's port answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main() -> None:
    """Ask on the port that this container listens on."""
    sys.exit(not is_healthy(int(os.environ.get("PORT") or "8080")))


if __name__ == "__main__":
    main()
