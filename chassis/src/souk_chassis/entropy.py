"""Random bytes from the operating system, many at a time: a system call for each id would cost more than the id."""

import os

_CHUNK = 4096
_pool = b""
_used = 0


def random_bytes(count: int) -> bytes:
    """`count` random bytes that nobody else gets. For ids, not for keys. Not for use over a fork."""
    global _pool, _used
    if _used + count > len(_pool):
        _pool, _used = os.urandom(max(_CHUNK, count)), 0
    taken = _pool[_used : _used + count]
    _used += count
    return taken
