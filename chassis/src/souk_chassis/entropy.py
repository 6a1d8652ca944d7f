"""Random digits from the operating system, many at a time: a system call for each id would cost more than the id."""

import os

_CHUNK = 4096
_pool = ""
_used = 0


def random_hex(digits: int) -> str:
    """So many random hex digits that nobody else gets. For ids, not for keys. Not for use over a fork."""
    global _pool, _used
    end = _used + digits
    if end > len(_pool):
        _pool, _used, end = os.urandom(max(_CHUNK, digits)).hex(), 0, digits
    taken = _pool[_used:end]
    _used = end
    return taken
