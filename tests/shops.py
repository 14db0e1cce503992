"""Small hand-made and random shops that the tests of the data stages start from."""

from collections.abc import Iterable
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
from ibis.backends.duckdb import Backend

REAL = Path(__file__).parents[2] / "shared" / "data"
REAL_EVENTS = REAL / "events_sample5000visitors.csv"
REAL_SEQUENCES = REAL / "retailrocket_view_sequences.txt"
FIRST_DAY = pd.Timestamp("2024-01-01")
KINDS = np.array(["view", "view", "view", "addtocart", "transaction", "removefromcart"])
PROPERTIES = {"category": "categoryid", "price": "790", "availability": "available"}
TREE = pd.DataFrame({"categoryid": [1, 2, 10, 11, 20], "parentid": [None, None, 1, 1, 2]}).astype("Int64")


def make_events(rows: Iterable[tuple]) -> pd.DataFrame:
    """Make clean events of (time, visitorid, event, itemid); a number as time is minutes after the first day."""
    frame = pd.DataFrame(rows, columns=["timestamp", "visitorid", "event", "itemid"])
    minutes = frame.timestamp.map(lambda time: isinstance(time, (int, float)))
    frame["timestamp"] = [
        FIRST_DAY + pd.Timedelta(minutes=time) if minute else pd.Timestamp(time)
        for time, minute in zip(frame.timestamp, minutes, strict=True)
    ]
    return type_events(frame)


def type_events(frame: pd.DataFrame) -> pd.DataFrame:
    """Give a frame of events the types of the cleaned table, with an empty transactionid."""
    types = {"timestamp": "datetime64[us]", "visitorid": "int64", "event": "str", "itemid": "int64"}
    return frame.astype(types).assign(transactionid=pd.array([pd.NA] * len(frame), dtype="Int64"))


def random_events(seed: int, rows: int, days: int, visitors: int = 20, items: int = 8) -> pd.DataFrame:
    """Draw clean events at random, in order of time; popular items are popular."""
    random = np.random.default_rng(seed)
    seconds = np.sort(random.integers(0, days * 86_400, rows))
    frame = pd.DataFrame(
        {
            "timestamp": FIRST_DAY + pd.to_timedelta(seconds, unit="s"),
            "visitorid": random.integers(0, visitors, rows),
            "event": random.choice(KINDS, rows),
            "itemid": 100 + random.geometric(2 / items, rows).clip(max=items),
        }
    )
    return type_events(frame)


def random_properties(seed: int, rows: int, days: int, items: int = 8) -> pd.DataFrame:
    """Draw raw property snapshots (timestamp in ms) at random, each of a price, a category or an availability."""
    random = np.random.default_rng(seed)
    kinds = random.choice(list(PROPERTIES.values()), rows)
    values = {
        "790": [f"n{price}.500" for price in random.integers(1, 50, rows)],
        "categoryid": random.choice(["10", "11", "20", "99"], rows),
        "available": random.choice(["0", "1"], rows),
    }
    moments = FIRST_DAY + pd.to_timedelta(random.integers(0, days * 86_400, rows), unit="s")
    return pd.DataFrame(
        {
            "timestamp": moments.astype("datetime64[ms]").astype("int64"),
            "itemid": 100 + random.integers(1, items + 1, rows),
            "property": kinds,
            "value": [values[kind][row] for row, kind in enumerate(kinds)],
        }
    )


def load(connection: Backend, frame: pd.DataFrame, schema: dict[str, str] | None = None) -> ibis.Table:
    """Put a frame into the engine as a table of its own."""
    name = ibis.util.gen_name("test")
    return connection.create_table(name, frame, schema=ibis.schema(schema) if schema else None, temp=True)


def write_shop(folder: Path, events: str, properties: str | None = None, tree: str | None = None) -> dict:
    """Write a shop's raw files; returns the `raw` parameter that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"events.csv": events, "item_properties.csv": properties, "category_tree.csv": tree}
    for name, text in texts.items():
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8", newline="")
    return {
        "folder": str(folder),
        "events": "events.csv",
        "properties": ["item_properties.csv"],
        "category_tree": "category_tree.csv",
        "columns": {},
    }
