"""One cold start in a fresh interpreter: `python -m trials.benchmarks.cold.one_start NAME WARM` prints it as JSON."""

# What AWS's own runtime has imported before it imports a handler: its bootstrap.py, and what that imports.
import concurrent.futures.thread
import datetime
import decimal
import importlib
import json
import logging
import math
import statistics
import sys
import time
import traceback
from typing import Any

AWS_RUNTIME = (concurrent.futures.thread, datetime, decimal, logging, math, traceback)
WITHOUT_TYPING_EXTENSIONS = {"bare", "souk"}
"""Functions whose packages do not hold it. msgspec imports it where it is installed; pydantic can't do without it."""
BATCH = 100
"""Events between two readings of the clock."""


class Context:
    """What Lambda tells of an invocation."""

    function_name = "orders"
    memory_limit_in_mb = 1_769
    invoked_function_arn = "arn:aws:lambda:eu-west-2:123456789012:function:orders"
    aws_request_id = "b9a5f4b5-7ea8-4b5b-a0c8-8b9a1f5e3c11"

    def get_remaining_time_in_millis(self) -> int:
        """How long this invocation may still take."""
        return 10_000


def event(body: str) -> dict[str, Any]:
    """A proxy event of an HTTP API, payload 2.0, as API Gateway sends it."""
    about = {"method": "POST", "path": "/orders", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "trial"}
    context = {
        "accountId": "123456789012",
        "apiId": "a1b2c3d4e5",
        "domainName": "api.example.org",
        "domainPrefix": "api",
        "http": about,
        "requestId": "JKJaXmPLvHcESHA=",
        "routeKey": "POST /orders",
        "stage": "$default",
        "time": "23/Nov/2026:10:00:00 +0000",
        "timeEpoch": 1795428000000,
    }
    return {
        "version": "2.0",
        "routeKey": "POST /orders",
        "rawPath": "/orders",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "content-length": str(len(body)), "host": "api.example.org"},
        "requestContext": context,
        "body": body,
        "isBase64Encoded": False,
    }


GOOD = json.dumps({"id": "o-1", "items": [{"productId": f"p-{n}", "quantity": n} for n in (1, 2, 3)]})
BAD = json.dumps({"id": "o-1", "items": [{"productId": "p-1", "quantity": 0}]})


def main() -> None:
    """The command line."""
    name, warm = sys.argv[1], int(sys.argv[2])
    if name in WITHOUT_TYPING_EXTENSIONS:
        sys.modules["typing_extensions"] = None  # type: ignore[assignment] # makes an import of it fail
    began_ns, cpu_ns = time.perf_counter_ns(), time.process_time_ns()
    handler = importlib.import_module(f"trials.benchmarks.cold.{name}").handler
    imported_ns = time.perf_counter_ns()
    answer = handler(event(GOOD), Context())
    done_ns, done_cpu_ns = time.perf_counter_ns(), time.process_time_ns()
    refused = handler(event(BAD), Context())
    batches = []
    for _ in range(warm // BATCH):
        events = [event(GOOD) for _ in range(BATCH)]
        batch_ns = time.perf_counter_ns()
        for each in events:
            handler(each, Context())
        batches.append((time.perf_counter_ns() - batch_ns) / BATCH / 1_000)
    told = {
        "import_ms": (imported_ns - began_ns) / 1e6,
        "first_ms": (done_ns - imported_ns) / 1e6,
        "cpu_ms": (done_cpu_ns - cpu_ns) / 1e6,
        "warm_us": statistics.median(batches) if batches else None,
        "modules": len(sys.modules),
        "status": answer["statusCode"],
        "body": json.loads(answer["body"]),
        "refused": refused["statusCode"],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
