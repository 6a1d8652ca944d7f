"""SQL for PostgreSQL with names in place of numbers: parameters are `:name`, and a batch is one array a column.

ITEMS = Rows("items", order_id="text", quantity="int4")
ADD = Statement(f"INSERT INTO order_items (order_id, quantity) SELECT order_id, quantity FROM {ITEMS}")
await ADD.execute(connection, **ITEMS.arrays(items))
"""

import re
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Runner = PoolConnectionProxy | asyncpg.Pool

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")


class Statement:
    """A statement that is written with `:name` and sent with `$1`. Its methods are asyncpg's, with values by name.

    They raise TypeError where the names differ from the statement's.
    """

    def __init__(self, text: str) -> None:
        numbers: dict[str, int] = {}
        self.text = _PARAMETER.sub(lambda found: f"${numbers.setdefault(found[1], len(numbers) + 1)}", text)
        self._names = tuple(numbers)

    async def fetch(self, on: Runner, **values: Any) -> list[asyncpg.Record]:
        """All rows."""
        rows: list[asyncpg.Record] = await on.fetch(self.text, *self._in_order(values))
        return rows

    async def fetchrow(self, on: Runner, **values: Any) -> asyncpg.Record | None:
        """The first row."""
        return await on.fetchrow(self.text, *self._in_order(values))

    async def fetchval(self, on: Runner, **values: Any) -> Any:
        """The first column of the first row."""
        return await on.fetchval(self.text, *self._in_order(values))

    async def execute(self, on: Runner, **values: Any) -> int:
        """Returns how many rows the statement changed."""
        status: str = await on.execute(self.text, *self._in_order(values))
        return int(status.rsplit(" ", 1)[1])

    def _in_order(self, values: Mapping[str, Any]) -> list[Any]:
        if values.keys() != set(self._names):
            raise TypeError(f"the statement wants {', '.join(self._names)}, and is given {', '.join(values)}")
        return [values[name] for name in self._names]


class Rows:
    """A table that is given to a statement: in its text a FROM item of this name, sent as one array a column.

    `types` are PostgreSQL's types by column.
    """

    def __init__(self, name: str, /, **types: str) -> None:
        self.name = name
        self.columns = ", ".join(types)
        self._types = types
        self._values = {column: attrgetter(column) for column in types}

    def __str__(self) -> str:
        arrays = ", ".join(f":{self.name}_{column}::{kind}[]" for column, kind in self._types.items())
        return f"unnest({arrays}) AS {self.name} ({self.columns})"

    def arrays(self, rows: Sequence[Any] = (), /, **columns: Sequence[Any]) -> dict[str, Sequence[Any]]:
        """The parameters of these rows: each column from the attribute of its name, unless it is in `columns`."""
        return {
            f"{self.name}_{column}": columns[column] if column in columns else list(map(value, rows))
            for column, value in self._values.items()
        }
