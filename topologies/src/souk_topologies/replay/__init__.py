"""Replays the trade history of a real shop through Souk: read it whole first, then place what it holds."""

from souk_topologies.replay.history import (
    Catalogue,
    Figures,
    FileFigures,
    History,
    HistoryError,
    Line,
    Product,
    TradeOrder,
)
from souk_topologies.replay.reader import read_history

__all__ = [
    "Catalogue",
    "Figures",
    "FileFigures",
    "History",
    "HistoryError",
    "Line",
    "Product",
    "TradeOrder",
    "read_history",
]
