"""Small hand-made and random shops that the tests of the data stages start from."""

from collections.abc import Iterable
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
from ibis.backends import BaseBackend

from smartrocket import cleaning, panel
from smartrocket.engine import connect, write_batches, write_parquet
from smartrocket.files import write_json
from smartrocket.generator import generate
from smartrocket.ingestion import ingest
from smartrocket.shop_design import ShopDesign
from smartrocket.workspace import Workspace

REAL = Path(__file__).parents[2] / "shared" / "data"
REAL_EVENTS = REAL / "events_sample5000visitors.csv"
REAL_SEQUENCES = REAL / "retailrocket_view_sequences.txt"
# A text that would do harm if any page took it for markup.
MARKUP = '"><img src=x onerror="window.harmed=1"></script><script>window.harmed=1</script>'
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


def load(connection: BaseBackend, frame: pd.DataFrame, schema: dict[str, str] | None = None) -> ibis.Table:
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


def write_regulars(folder: Path, names: dict[str, str], seed: int = 1) -> None:
    """Write the log of a shop that is in all things unlike the generated ones: one file of events, and no surprise.

    Its visitors are regulars who come in the evening in Berlin, and nearly all of them buy. They walk from an item
    to the one after it, never put anything into a cart, and buy days after they looked; whoever has to look again
    does not buy. Each week other items are in fashion, and there are more visits from week to week. So views tell
    what will sell, better than any mean of past sales does. `names` has other names of the columns.
    """
    random = np.random.default_rng(seed)
    days, items, regulars = 70, 100, 1000
    weeks = days // 7 + 1
    fashion = np.exp(random.normal(0, 1.1, (weeks, items)))
    fashion /= fashion.sum(axis=1, keepdims=True)
    rows, looked = [], set()
    for day in range(days):
        for _ in range(random.poisson(20 + day)):
            visitor = int(random.integers(regulars))
            moment = FIRST_DAY + pd.Timedelta(days=day, seconds=int(random.normal(19 * 3600, 4000)))
            item = int(random.choice(items, p=fashion[day // 7]))
            for _ in range(2 + random.poisson(1.5)):
                rows.append((moment, visitor, "view", item, None))
                if random.random() < (0.01 if (visitor, item) in looked else 0.2):
                    later = moment + pd.Timedelta(days=int(random.integers(3, 9)), minutes=int(random.integers(60)))
                    rows.append((later, visitor, "transaction", item, len(rows)))
                looked.add((visitor, item))
                moment += pd.Timedelta(seconds=int(random.integers(10, 120)))
                item = (item + (1 if random.random() < 0.8 else int(random.integers(2, 9)))) % items
    frame = pd.DataFrame(rows, columns=["timestamp", "visitorid", "event", "itemid", "transactionid"])
    frame = frame[frame.timestamp < FIRST_DAY + pd.Timedelta(days=days)].sort_values("timestamp")
    frame["timestamp"] = frame.timestamp.astype("datetime64[ms]").astype("int64")
    folder.mkdir(parents=True)
    frame.astype({"transactionid": "Int64"}).rename(columns=names).to_csv(folder / "events.csv", index=False)


def grow_shop(folder: Path, horizon: int = 7, **design: object) -> Workspace:
    """Generate a small shop and take it through the data stages, up to its panel: a build without notebooks.

    `design` are fields of `ShopDesign`. Beside the raw tables the build has processed/panel.parquet and .json and
    the items' histories of category, price and availability under interim/.
    """
    workspace, connection = Workspace(folder), connect(threads=1)
    small = {"days": 112, "visitors": 25_000, "items": 800, "unvisited_items": 10, "categories": 40}
    plain = {"property_names": 14, "properties_per_item": 0.0, "bots": 0}
    generate(ShopDesign(**small | plain | design), workspace.raw)
    parts = ["item_properties_part1.csv", "item_properties_part2.csv"]
    files = {"events": "events.csv", "properties": parts, "category_tree": "category_tree.csv", "columns": {}}
    ingest({"folder": str(workspace.raw), **files}, workspace, connection)

    def read(name: str) -> ibis.Table:
        return connection.read_parquet(workspace.existing(name))

    judged = cleaning.judge_events(read("interim/raw_events.parquet"), None, None)
    events = connection.create_table("events", cleaning.keep_events(judged), temp=True)
    properties = cleaning.judge_properties(read("interim/raw_properties.parquet"), PROPERTIES)
    histories = {
        "item_categories": cleaning.category_history(properties),
        "item_prices": cleaning.price_history(properties),
        "item_availability": cleaning.availability_history(properties),
    }
    for name, history in histories.items():
        write_parquet(history, workspace.path(f"interim/{name}.parquet"))
    tree, _ = cleaning.climb_tree(cleaning.judge_categories(workspace.read("interim/raw_categories.parquet")))
    known = [read(f"interim/{name}.parquet") for name in histories]
    catalogue = panel.Catalogue(*known, connection.create_table("tree", tree, temp=True))
    days = panel.find_complete_days(events)
    entry = ["view", "addtocart", "transaction"]
    item_days = panel.build_panel(events, catalogue, days, horizon, entry, connection)
    write_batches(item_days, workspace.path("processed/panel.parquet"))
    features = panel.list_features(read("processed/panel.parquet"))
    write_json(workspace.path("processed/panel.json"), {"features": features, "horizon_days": horizon})
    return workspace
