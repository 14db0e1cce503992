"""A small shop and its dashboard, rendered: what the tests of the dashboard's pages look at."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from ibis.backends import BaseBackend

from shops import FIRST_DAY, MARKUP, random_events
from smartrocket import dashboard, model_export, rendering
from smartrocket.cold_start import Fallback, find_paths
from smartrocket.confidence import Calibration
from smartrocket.cooccurrence import relate_items
from smartrocket.dashboard_facts import write_facts
from smartrocket.dashboard_forecasts import Forecasts, write_forecasts
from smartrocket.dashboard_products import write_products
from smartrocket.dashboard_recommendations import write_explorer, write_journeys
from smartrocket.day_forecasts import DAY_SCORES
from smartrocket.demand_baselines import Demand
from smartrocket.engine import connect
from smartrocket.files import ROOT, write_text
from smartrocket.gru4rec import GRU4Rec, Settings
from smartrocket.neighbours import SessionNeighbours, stan
from smartrocket.panel import Catalogue, find_complete_days
from smartrocket.publishing import find_parts
from smartrocket.ranking import Sessions
from smartrocket.sessions import list_session_events
from smartrocket.workspace import Workspace

DAYS, ITEMS = 70, 40
NEWCOMER = 7
# The visitors of the made-up shop take their time: what they do within a day is one session.
DAY_LONG = 24 * 60
TREE = pd.DataFrame(
    {"categoryid": [1, 2, 3, 10, 11, 20, 110], "parentid": [None, None, None, 1, 1, 2, 11]}, dtype="Int64"
)
LEAVES = [10, 11, 20, 110, 1]
PAGES = ["business", "products", "forecasting", "recommendations"]
HOSTILE = f"LightGBM{MARKUP}"


@dataclass(frozen=True)
class Shop:
    """A shop's tables, as the notebooks have them."""

    connection: BaseBackend
    events: pd.DataFrame
    catalogue: Catalogue


def make_shop(seed: int = 5, rows: int = 6000, lift: int = 0) -> Shop:
    """Make a shop of 70 days whose items change price and category, some of them without either.

    `lift` is added to every id: of visitors, items, categories and orders.
    """
    random = np.random.default_rng(seed)
    events = random_events(seed, rows, DAYS, visitors=900, items=ITEMS).drop_duplicates()
    sold = events["event"] == "transaction"
    # Sales of one visitor on one day are one order.
    orders = events["visitorid"] * 1000 + events["timestamp"].dt.dayofyear + lift
    events = events.assign(transactionid=orders.astype("Int64").where(sold))
    events[["visitorid", "itemid"]] += lift
    items = np.sort(events["itemid"].unique())
    moments = [FIRST_DAY + pd.Timedelta(days=day) for day in (7, 30)]
    categories = [(item, random.choice(LEAVES) + lift, moment) for item in items[::2] for moment in moments]
    prices = [(item, float(random.integers(2, 90)), moment) for item in items[:-5] for moment in moments]
    connection = connect()

    def load(name: str, rows: list[tuple], columns: list[str]):
        return connection.create_table(name, pd.DataFrame(rows, columns=columns), overwrite=True)

    catalogue = Catalogue(
        load("item_categories", categories, ["itemid", "categoryid", "valid_from"]),
        load("item_prices", prices, ["itemid", "price", "valid_from"]),
        load("item_availability", [(items[0], True, moments[0])], ["itemid", "available", "valid_from"]),
        connection.create_table("categories", TREE + lift, overwrite=True),
    )
    nameless = pd.DataFrame({"itemid": [], "name": [], "valid_from": []})
    types = {"itemid": "int64", "name": "string", "valid_from": "datetime64[us]"}
    connection.create_table("item_names", nameless.astype(types), overwrite=True)
    connection.create_table("events", events, overwrite=True)
    return Shop(connection, events, catalogue)


def make_network(item_ids: np.ndarray, seed: int = 3) -> tuple[GRU4Rec, Sessions, Sessions]:
    """Return a network trained for a moment, and the sessions of its training and test."""
    random = np.random.default_rng(seed)

    def draw(count: int) -> Sessions:
        lengths = random.integers(2, 9, count)
        items = random.integers(0, len(item_ids), lengths.sum())
        # Two clicks in a row are never on one item.
        items[1:] = np.where(items[1:] == items[:-1], (items[1:] + 1) % len(item_ids), items[1:])
        return Sessions(items, np.arange(lengths.sum(), dtype=float) * 60, np.r_[0, np.cumsum(lengths)])

    train, test = draw(400), draw(220)
    model = GRU4Rec(Settings(units=16, epochs=1, batch_clicks=64, negatives=32), seed).fit(train, len(item_ids))
    return model, train, test


def make_tests(shop: Shop) -> tuple[pd.DataFrame, pd.DataFrame, Demand]:
    """Return test forecasts of two models, the categories of their items, and the demand that they forecast."""
    items = np.sort(shop.events["itemid"].unique())
    dates = pd.date_range(FIRST_DAY, periods=DAYS)
    sold = shop.events[shop.events["event"] == "transaction"]
    counts = sold.groupby(["itemid", sold["timestamp"].dt.normalize()]).size().unstack(fill_value=0)
    units = counts.reindex(index=items, columns=dates, fill_value=0).to_numpy(dtype=float)
    rows = [
        # One item is new in the last week of the test: its units are in no earlier week's comparison of models.
        (item, dates[day], place != NEWCOMER or day == DAYS - 8, units[place, day + 1 : day + 8].sum())
        for place, item in enumerate(items)
        for day in (DAYS - 15, DAYS - 8)
    ]
    tests = pd.DataFrame(rows, columns=["series", "origin", "known", "actual"])
    tests = tests.assign(zero=0.0, **{HOSTILE: tests["actual"] * 0.8 + 0.3})
    categories = tests[["series", "origin"]].rename(columns={"series": "itemid"}).assign(categoryid=10)
    return tests, categories, Demand(items, dates, units, np.zeros(len(items), dtype=int))


def add_bands(frame: pd.DataFrame) -> pd.DataFrame:
    """Add what a table of `outlook.look_ahead` has beside the forecast."""
    ends = {f"{end}_{band}": (0 if end == "low" else band // 20) for band in (50, 80, 95) for end in ("low", "high")}
    return frame.assign(sells=0.5, **ends, confidence=np.where(frame["level"] == "item", "high", None))


def look_ahead(tests: pd.DataFrame, demand: Demand) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return made-up forecasts of the week after the log, and those of the test, with bands: week and single days."""
    rows = []
    of_items = tests.set_index(["series", "origin"])
    for level, series, scale in [
        *(("item", item, place / len(demand.items)) for place, item in enumerate(demand.items)),
        ("category", 10, 5.0),
        ("category", -1, 1.0),
        ("total", 0, 9.0),
    ]:
        for origin in (DAYS - 15, DAYS - 8, DAYS - 1):
            for day in range(8):
                first, last = (day, day) if day else (1, 7)
                rows.append((level, series, origin, day, origin + first, origin + last, scale * (0.1 if day else 0.7)))
    columns = ["level", "series", "origin", "day", "first_date", "last_date", "forecast"]
    frame = add_bands(pd.DataFrame(rows, columns=columns))
    for name in ("first_date", "last_date"):
        frame[name] = FIRST_DAY + pd.to_timedelta(frame[name], unit="D")
    is_test = frame["origin"] < DAYS - 1
    tested = frame[is_test].assign(actual=2.0)
    # The whole shop's units are those of the log, on every day.
    ends = [demand.dates.get_indexer(tested[name]) for name in ("first_date", "last_date")]
    sold = np.append(0, np.nancumsum(demand.units.sum(axis=0)))
    tested["actual"] = tested["actual"].where(tested["level"] != "total", sold[ends[1] + 1] - sold[ends[0]])
    # What a table of tests says of an item's week is the same as stands there for all models.
    weeks = (tested["level"] == "item") & (tested["day"] == 0)
    origins = FIRST_DAY + pd.to_timedelta(tested["origin"], unit="D")
    own = of_items.loc[list(zip(tested["series"][weeks], origins[weeks], strict=True))]
    tested.loc[weeks, "forecast"] = own[HOSTILE].to_numpy()
    tested.loc[weeks, "actual"] = own["actual"].to_numpy()
    tested = tested.drop(columns="origin")
    return frame[~is_test].drop(columns="origin"), tested


def score_days() -> pd.DataFrame:
    """Return made-up scores of two days ahead."""
    rows = []
    for day in (1, 2):
        rows += [
            (day, model, "poisson_deviance", value, None, None, None)
            for model, value in (("zero", 0.3), (HOSTILE, 0.2))
        ]
        rows.append((day, HOSTILE, "poisson_deviance_skill", 1 / 3, 0.1, 0.5, "zero"))
    return pd.DataFrame(rows, columns=DAY_SCORES)


def make_stan(item_ids: np.ndarray) -> SessionNeighbours:
    """Return STAN, trained on the sessions that the network was trained on."""
    _, train, _ = make_network(item_ids)
    return stan(neighbours=50, sample=100).fit(train, len(item_ids))


def write_data(shop: Shop, workspace: Workspace) -> None:
    """Write everything that the dashboard's pages load."""
    connection, events = shop.connection, shop.connection.table("events")
    item_names = connection.table("item_names")
    write_facts(events, shop.catalogue, item_names, find_complete_days(events), "UTC", workspace)
    session_events = connection.create_table(
        "session_events", list_session_events(events, gap_minutes=DAY_LONG), overwrite=True
    )
    related = connection.create_table("related", relate_items(session_events), overwrite=True)
    write_products(session_events, related, shop.catalogue, workspace)
    tests, categories, demand = make_tests(shop)
    scores = [
        {
            "task": "forecast",
            "model": model,
            "level": level,
            "metric": metric,
            "value": value,
            "low": None,
            "high": None,
        }
        for level in ("item", "total")
        for metric in ("poisson_deviance", "bias")
        for model, value in (("zero", 1.2), (HOSTILE, 0.7))
    ]
    upcoming, tested = look_ahead(tests, demand)
    models = ["zero", HOSTILE]
    shown = Forecasts(scores, tests, demand, categories, upcoming, tested, score_days(), models, HOSTILE, 7)
    write_forecasts(shown, workspace)
    write_journeys(session_events, workspace)
    # The network knows all items but the last two; theirs is the category's list.
    known = demand.items[:-2]
    model, train, test = make_network(known)
    fallback = Fallback(np.bincount(train.items, minlength=len(known)), find_places(shop, known))
    folder = workspace.path("models/explorer")
    calibration = Calibration(1.3, 0.9, 0.2)
    model_export.write_explorer(folder, model, known, calibration, train, test, fallback, seed=1)
    write_explorer(folder, fallback, make_stan(known), workspace)


def find_places(shop: Shop, items: np.ndarray) -> np.ndarray:
    """Return the paths of items in the tree of categories."""
    paths = {1: "1", 2: "2", 3: "3", 10: "1/10", 11: "1/11", 20: "2/20", 110: "1/11/110"}
    tree = TREE.assign(path=TREE["categoryid"].map(paths))
    return find_paths(
        items, shop.connection.table("item_categories").to_pandas(), tree, FIRST_DAY + pd.Timedelta(days=DAYS)
    )


def render_site(root: Path, workspace: Workspace) -> Path:
    """Render the dashboard's pages and the glossary in `root`, with empty parts; returns the site's folder."""
    for name in ("theme", "dashboard", "chapters"):
        shutil.copytree(ROOT / name, root / name)
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    names = [f"dashboard/{page}.qmd" for page in PAGES]
    config["project"] |= {
        "render": [*names, "chapters/glossary.qmd"],
        "resources": ["dashboard/*.js", "dashboard/*.css"],
    }
    config["website"]["sidebar"]["contents"] = [*names, "chapters/glossary.qmd"]
    write_text(root / "_quarto.yml", yaml.safe_dump(config))
    pages = {
        path: path.read_text(encoding="utf-8") for path in [*root.glob("dashboard/*.qmd"), *root.glob("chapters/*.qmd")]
    }
    for part in find_parts(pages):
        write_text(root / "_parts" / f"{part}.qmd", f"The part {part} of the run.\n")
    site = root / "_site"
    name = rendering.render_with_fallback(root, site)
    dashboard.install(workspace, site)
    rendering.finish(site, name)
    return site
