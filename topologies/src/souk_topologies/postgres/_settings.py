"""The server settings that Souk chooses, each with its reason; written at every start, so that a new version brings
its own."""

from pathlib import Path

SETTINGS_FILE = "souk.conf"
INCLUDE_LINE = f"include_if_exists = '{SETTINGS_FILE}'"

MAX_CONNECTIONS = 120

_SETTINGS: tuple[tuple[str, str, str], ...] = (
    ("listen_addresses", "", "no network port: the socket alone, which file permissions guard"),
    ("unix_socket_permissions", "0700", "only the server's OS user and root may connect, password or not"),
    ("shared_buffers", "192MB", "holds a shop's hot tables, and still fits a laptop"),
    ("huge_pages", "off", "needs set-up by root; start the same everywhere"),
    ("fsync", "on", "an acknowledged order outlives a power cut"),
    ("synchronous_commit", "on", "as above: the answer comes after the flush"),
    ("wal_buffers", "16MB", "room for the group commits of every service between two flushes"),
    ("max_wal_size", "2GB", "checkpoints come by the clock, not in the middle of a rush"),
    ("min_wal_size", "256MB", "keep WAL files for reuse: making them costs fsyncs"),
    ("checkpoint_timeout", "10min", "fewer full pages in the WAL; recovery stays in seconds"),
    ("checkpoint_completion_target", "0.9", "spread the writes: no spike in the commit time"),
    ("jit", "off", "short statements: compiling costs more than it saves"),
    ("random_page_cost", "1.1", "SSDs and a warm cache: an index is nearly always right"),
    ("io_method", "sync", "point reads out of the cache gain nothing from I/O workers; three processes fewer"),
    ("autovacuum_naptime", "10s", "outbox and inbox rows die by the thousand a second"),
    ("autovacuum_vacuum_cost_delay", "1ms", "vacuum keeps up with queues; the default waits twice as long"),
    ("log_min_messages", "warning", "what someone should look at, and no more"),
    ("log_checkpoints", "off", "as above: they are routine"),
    ("log_min_error_statement", "panic", "never the text of a statement: it holds customers' data"),
    ("timezone", "UTC", "one clock for every service"),
    ("log_timezone", "UTC", "as above"),
)


def settings_text(socket_folder: Path, *, lz4: bool, further_connections: int = 0) -> str:
    """The settings file for a server that listens in `socket_folder`; `lz4` says whether the build has it."""
    connections = str(MAX_CONNECTIONS + further_connections)
    wal_compression = ("lz4", "half the WAL for little work") if lz4 else ("off", "no lz4 here; pglz costs more CPU")
    chosen = (
        ("unix_socket_directories", f'"{socket_folder}"', "short enough for a socket's path"),
        ("wal_compression", *wal_compression),
        ("max_connections", connections, "the services and the bus at their role limits, and some to spare"),
        *_SETTINGS,
    )
    lines = (f"{name} = '{_quoted(value)}'  # {reason}" for name, value, reason in chosen)
    head = "# Written by Souk at every start. Changes of your own go below the include line of postgresql.conf."
    return "\n".join([head, *lines]) + "\n"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
