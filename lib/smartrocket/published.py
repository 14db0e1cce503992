"""What public analyses say of RetailRocket's log, and how a shop's log compares with it.

RetailRocket published a log of its own; several people counted it and published what they found. Only such counts
and shares are in here, no row of the log. They serve twice: to check a copy of RetailRocket's log, and our counting
with it, and to say how far a generated shop behaves as a real one does.
"""

import math
from dataclasses import dataclass

import ibis
import numpy as np
import pandas as pd
from ibis import _

from smartrocket.engine import keep, to_timestamp
from smartrocket.sessions import ORDER, number_sessions
from smartrocket.shop_design import ShopDesign, retailrocket_design
from smartrocket.workspace import Workspace

# Who says so: public analyses of the data set, told apart by whether two or more came to the same figure on their own.
SEVERAL, ONE = "several", "one"
# First and last moment of RetailRocket's log (milliseconds since 1970, UTC), and its rows: nobody else's are the same.
ROWS, FIRST, LAST = 2_756_101, 1_430_622_004_384, 1_442_545_187_788
KINDS = ("view", "addtocart", "transaction")
NAMES = {"view": "a view", "addtocart": "an add to cart", "transaction": "an item bought"}
SESSION_GAP_MINUTES = 30

# fmt: off
# Rows by hour of the day (UTC, from 0:00) and by weekday (UTC, from Monday), in the order of KINDS. From one analysis;
# the sums are those of the whole log.
HOURS = np.array([
    [139_459, 136_087, 141_530, 146_758, 143_296, 116_039,  74_692,  42_638,  24_663,  17_440,  16_045,  19_857,
      30_736,  49_768,  79_524, 124_721, 155_822, 172_611, 174_320, 176_363, 180_880, 177_577, 169_633, 153_853],
    [  3_725,   3_578,   3_337,   3_266,   3_141,   2_786,   1_803,   1_028,     540,     399,     306,     389,
         647,   1_106,   1_844,   3_233,   4_341,   5_040,   4_973,   5_094,   5_222,   4_891,   4_723,   3_920],
    [  1_119,   1_037,   1_012,     836,     747,     747,     477,     278,     106,      70,      57,      84,
         103,     215,     455,   1_138,   1_621,   2_000,   1_907,   1_891,   1_817,   1_829,   1_600,   1_311],
])
DAYS = np.array([
    [424_594, 431_519, 415_579, 404_060, 367_225, 296_455, 324_880],
    [ 11_371,  11_585,  11_384,  10_951,   9_545,   6_949,   7_547],
    [  3_848,   3_973,   4_151,   3_750,   2_929,   1_811,   1_995],
])
# Share of the next event's type within sessions (columns), by the type of the event before (rows), as KINDS.
TRANSITIONS = np.array([
    [0.9419, 0.0531, 0.0050],
    [0.5292, 0.2287, 0.2421],
    [0.5918, 0.0199, 0.3883],
])
# How far a generated shop's share may be off.
STEP_TOLERANCES = np.array([
    [0.01, 0.01, 0.002],
    [0.03, 0.03, 0.03],
    [0.05, 0.01, 0.05],
])
# fmt: on
# How far another count of RetailRocket's log may be off, row by row: nobody says whether repeated rows were counted.
STEP_SLACK = (0.001, 0.01, 0.005)
# How far the share of an hour or a weekday may be off: of all events, and of the items bought, which are few.
RHYTHM_TOLERANCES = {"events": 0.015, "items bought": 0.03}


@dataclass(frozen=True)
class Published:
    """One published figure.

    - `kind`: "count", "share" (0 to 1) or "amount" (a mean or a quantile, its unit in the name).
    - `source`: who says so, in words.
    - `slack`: how far another count of RetailRocket's own log may be off by rounding or by another rule of counting.
    - `tolerance`: how far a generated shop may be off. Both are shares of the value for counts, absolute for shares
      and amounts.
    - `rests_on`: the measures of a generated shop (see `measure_design`) that decide the figure. Where its design
      sets one of them otherwise, the figure is meant to differ, or, if it is a measure of SIZES, cannot be compared.
    """

    name: str
    kind: str
    value: float
    tolerance: float
    rests_on: tuple[str, ...] = ()
    slack: float = 0.0
    source: str = ONE


SIZES = {"visitors", "items", "unvisited_items", "categories", "days", "bots"}
SIZE = ("visitors", "days", "engagement")
ACTING = ("engagement", "conversion")
STOCK = ("visitors_per_item", "popularity_spread", "engagement")
DESCRIPTION = ("items", "unvisited_items", "described_items")


def name_step(origin: str, event: str) -> str:
    """Name the step from one type of event to the next."""
    return f"after {NAMES[origin]}: {NAMES[event]}"


def list_steps() -> list[Published]:
    """List the shares of the next event's type, by the type of the event before."""
    steps = []
    for row, origin in enumerate(KINDS):
        # What follows a view is set by how eager the visitors are; what follows a cart or a purchase is not.
        rests_on = ACTING if origin == "view" else ()
        for column, event in enumerate(KINDS):
            share, tolerance = float(TRANSITIONS[row, column]), float(STEP_TOLERANCES[row, column])
            steps.append(Published(name_step(origin, event), "share", share, tolerance, rests_on, STEP_SLACK[row]))
    return steps


FIGURES = (
    Published("rows of events", "count", ROWS, 0.05, SIZE, 0, SEVERAL),
    Published("views", "count", 2_664_312, 0.05, SIZE, 0, SEVERAL),
    Published("adds to cart", "count", 69_332, 0.1, (*SIZE, "conversion"), 0, SEVERAL),
    Published("items bought", "count", 22_457, 0.1, (*SIZE, "conversion"), 0, SEVERAL),
    Published("transactions", "count", 17_672, 0.1, (*SIZE, "conversion", "joint_purchases"), 0, SEVERAL),
    Published("transactions of several items", "count", 2_643, 0.2, (*SIZE, "conversion", "joint_purchases")),
    Published("rows that repeat another one exactly", "count", 460, 0.1, (*SIZE, "duplicate_share"), 0, SEVERAL),
    Published("visitors", "count", 1_407_580, 0.01, ("visitors",), 0, SEVERAL),
    Published("visitors of two events or more", "count", 406_020, 0.1, SIZE),
    Published("visitors of five events or more", "count", 81_620, 0.2, SIZE),
    Published("visitors of ten events or more", "count", 23_241, 0.2, SIZE),
    Published("visitors who add to cart", "count", 37_722, 0.1, (*SIZE, "conversion")),
    Published("visitors who buy", "count", 11_719, 0.1, (*SIZE, "conversion")),
    Published("days of a visitor with more than 200 events", "count", 29, 0.2, ("bots", "engagement"), 0.05),
    Published("sessions", "count", 1_761_675, 0.05, SIZE, 0, SEVERAL),
    Published("sessions with a view", "count", 1_755_766, 0.05, SIZE, 0.001),
    Published("sessions with a view and an add to cart", "count", 38_726, 0.1, (*SIZE, "conversion"), 0.001),
    Published("sessions with all three", "count", 11_143, 0.1, (*SIZE, "conversion"), 0.001),
    Published("items in the log", "count", 235_061, 0.01, ("items",), 0, SEVERAL),
    Published("items of two events or more", "count", 161_452, 0.1, ("items", *STOCK)),
    Published("items of five events or more", "count", 90_948, 0.1, ("items", *STOCK)),
    Published("items of ten events or more", "count", 55_128, 0.1, ("items", *STOCK)),
    Published("items sold", "count", 12_000, 0.2, (*SIZE, "conversion", *STOCK), 0.02),
    Published("rows of item properties", "count", 20_275_902, 0.05, (*DESCRIPTION, "properties_per_item"), 0, SEVERAL),
    Published("items with properties", "count", 417_053, 0.01, DESCRIPTION, 0, SEVERAL),
    Published("names of properties", "count", 1_104, 0.01, (*DESCRIPTION, "property_names"), 0, SEVERAL),
    Published("rows of property 888", "count", 3_000_398, 0.1, DESCRIPTION),
    Published("rows of property 790", "count", 1_790_516, 0.1, (*DESCRIPTION, "price_changes")),
    Published("rows of property available", "count", 1_503_639, 0.2, DESCRIPTION),
    Published("rows of property categoryid", "count", 788_214, 0.1, DESCRIPTION),
    Published("items of the log with properties", "count", 185_246, 0.02, ("items", "described_items"), 0, SEVERAL),
    Published("categories in the tree", "count", 1_669, 0, ("categories",), 0, SEVERAL),
    Published("roots of the tree", "count", 25, 0.2, ("categories",), 0, SEVERAL),
    Published("categories of the items in the log", "count", 1_086, 0.2, ("categories", "items"), 0.05, SEVERAL),
    Published("views among the events", "share", 0.9667, 0.005, ACTING, 0.0001, SEVERAL),
    Published("adds to cart among the events", "share", 0.0252, 0.003, ACTING, 0.0001, SEVERAL),
    Published("items bought among the events", "share", 0.0081, 0.001, ACTING, 0.0001, SEVERAL),
    Published("visitors with a single event", "share", 0.7116, 0.02, ("engagement",), 0.0001),
    Published("visitors who buy", "share", 0.0083, 0.001, ACTING, 0.0001),
    Published("sessions with a view and an add to cart", "share", 0.0220, 0.003, ACTING, 0.0001),
    Published("sessions with all three", "share", 0.0063, 0.001, ACTING, 0.0001),
    *list_steps(),
    Published("adds to cart and purchases of the item just seen", "share", 0.775, 0.03, (), 0.01),
    Published("items of the log with properties", "share", 0.788, 0.01, ("described_items",), 0.001, SEVERAL),
    Published("events of items with properties", "share", 0.907, 0.02, ("described_items", *STOCK), 0.001, SEVERAL),
    Published("events in the busiest category", "share", 0.030, 0.01, ("categories", *STOCK), 0.005),
    Published("events in the twelve busiest categories", "share", 0.204, 0.05, ("categories", *STOCK), 0.02),
    Published("events of a visitor, mean", "amount", 1.958, 0.1, ("engagement",), 0.001),
    Published("events of a visitor, 90 % have at most", "amount", 3, 1, ("engagement",)),
    Published("events of a visitor, 95 % have at most", "amount", 5, 1, ("engagement",)),
    Published("events of a visitor, 99 % have at most", "amount", 13, 2, ("engagement",)),
    Published("events of a visitor, 99.9 % have at most", "amount", 47, 12, ("engagement",)),
    Published("sessions of a visitor, mean", "amount", 1.252, 0.05, ("engagement",), 0.001, SEVERAL),
    Published("events of a session, 90 % have at most", "amount", 2, 1, ("engagement",)),
    Published("events of a session, 95 % have at most", "amount", 4, 1, ("engagement",)),
    Published("events of a session, 99 % have at most", "amount", 9, 1, ("engagement",)),
    Published("seconds of a session, 90 % have at most", "amount", 213, 20, ("engagement",), 1),
    Published("seconds of a session, 95 % have at most", "amount", 624, 60, ("engagement",), 1),
    Published("seconds of a session, 99 % have at most", "amount", 1_793, 180, ("engagement",), 1),
    Published("items of a transaction, mean", "amount", 1.27, 0.1, ("joint_purchases",), 0.005),
    Published("events of an item, median", "amount", 3, 1, STOCK),
    Published("events of an item, 90 % have at most", "amount", 25, 5, STOCK, 0.5),
    Published("events of an item, 99 % have at most", "amount", 143, 30, STOCK, 1),
    Published("events of a day (UTC), mean", "amount", 19_828, 1_000, SIZE, 1),
    Published("events of a day (UTC), standard deviation", "amount", 4_171, 1_000, SIZE, 20),
    Published("events of a day (UTC), median", "amount", 20_621, 1_000, SIZE, 1),
    Published("events of the fullest day (UTC)", "amount", 32_703, 5_000, SIZE),
    Published("events of the last day (UTC), a part of one", "amount", 1_528, 300, SIZE),
)


def is_retailrocket(raw_events: ibis.Table) -> bool:
    """Tell whether a log is RetailRocket's published one, by its rows, first and last moment.

    `raw_events` has `timestamp` in milliseconds since 1970.
    """
    ends = raw_events.aggregate(
        rows=raw_events.count(), first=raw_events.timestamp.min(), last=raw_events.timestamp.max()
    )
    return tuple(ends.execute().iloc[0]) == (ROWS, FIRST, LAST)


def measure_log(
    raw_events: ibis.Table,
    events: ibis.Table,
    raw_properties: ibis.Table,
    item_categories: ibis.Table,
    categories: ibis.Table,
) -> dict[tuple[str, str], float]:
    """Count a log as the published figures were counted: (kind, name) of a figure -> value, NaN where it has none.

    `raw_events` (timestamp in ms, visitorid, event, itemid, transactionid) and `raw_properties` (itemid, property)
    are row by row as in the files, and most figures count repeated rows, as their authors did; sessions, of a
    30-minute gap, are made of the clean `events`. `item_categories` and `categories` are those of the cleaning.
    """
    rows = int(raw_events.count().execute())
    found = measure_visitors(raw_events) | measure_days(raw_events) | measure_sessions(events)
    found |= measure_items(raw_events, raw_properties, item_categories)
    found |= measure_properties(raw_properties)
    repeats = raw_events.group_by("timestamp", "visitorid", "event", "itemid", "transactionid").agg(rows=_.count())
    tree = categories.aggregate(size=_.count(), roots=_.parentid.isnull().sum()).execute().iloc[0]
    found |= {
        ("count", "rows of events"): rows,
        ("count", "rows that repeat another one exactly"): rows - repeats.count().execute(),
        ("count", "categories in the tree"): tree["size"],
        ("count", "roots of the tree"): tree["roots"],
    }
    for name, part, whole in (
        ("views among the events", "views", "rows of events"),
        ("adds to cart among the events", "adds to cart", "rows of events"),
        ("items bought among the events", "items bought", "rows of events"),
        ("visitors who buy", "visitors who buy", "visitors"),
        ("sessions with a view and an add to cart", "sessions with a view and an add to cart", "sessions"),
        ("sessions with all three", "sessions with all three", "sessions"),
        ("items of the log with properties", "items of the log with properties", "items in the log"),
    ):
        found["share", name] = ratio(found["count", part], found["count", whole])
    found["amount", "sessions of a visitor, mean"] = ratio(found["count", "sessions"], found["count", "visitors"])
    return {key: float("nan") if pd.isna(value) else float(value) for key, value in found.items()}


def ratio(part: float, whole: float) -> float:
    """Divide; NaN by zero."""
    return part / whole if whole else math.nan


def measure_visitors(raw_events: ibis.Table) -> dict[tuple[str, str], float]:
    """Measure what visitors and transactions are like, over all rows."""
    counts = {name: (_.event == kind).sum() for name, kind in zip(("views", "carts", "bought"), KINDS, strict=True)}
    visitors = raw_events.group_by("visitorid").aggregate(events=_.count(), **counts)
    daily = raw_events.group_by("visitorid", day=raw_events.timestamp // 86_400_000).aggregate(events=_.count())
    baskets = raw_events.filter(_.transactionid.notnull()).group_by("transactionid").aggregate(items=_.count())
    told = visitors.aggregate(
        visitors=_.count(),
        views=_.views.sum(),
        carts=_.carts.sum(),
        bought=_.bought.sum(),
        carters=(_.carts > 0).sum(),
        buyers=(_.bought > 0).sum(),
        single=(_.events == 1).mean(),
        mean=_.events.mean(),
        **{f"from_{size}": (_.events >= size).sum() for size in (2, 5, 10)},
        **{f"most_{share}": _.events.quantile(float(share) / 100) for share in ("90", "95", "99", "99.9")},
    )
    told = told.execute().iloc[0]
    sold = baskets.aggregate(transactions=_.count(), several=(_["items"] > 1).sum(), mean=_["items"].mean())
    sold = sold.execute().iloc[0]
    found: dict[tuple[str, str], float] = {
        ("count", "views"): told["views"],
        ("count", "adds to cart"): told["carts"],
        ("count", "items bought"): told["bought"],
        ("count", "transactions"): sold["transactions"],
        ("count", "transactions of several items"): sold["several"],
        ("count", "visitors"): told["visitors"],
        ("count", "visitors of two events or more"): told["from_2"],
        ("count", "visitors of five events or more"): told["from_5"],
        ("count", "visitors of ten events or more"): told["from_10"],
        ("count", "visitors who add to cart"): told["carters"],
        ("count", "visitors who buy"): told["buyers"],
        ("count", "days of a visitor with more than 200 events"): daily.filter(_.events > 200).count().execute(),
        ("share", "visitors with a single event"): told["single"],
        ("amount", "events of a visitor, mean"): told["mean"],
        ("amount", "items of a transaction, mean"): sold["mean"],
    }
    for share in ("90", "95", "99", "99.9"):
        found["amount", f"events of a visitor, {share} % have at most"] = told[f"most_{share}"]
    return found


def measure_days(raw_events: ibis.Table) -> dict[tuple[str, str], float]:
    """Measure how many rows the UTC days have."""
    daily = raw_events.group_by(day=raw_events.timestamp // 86_400_000).aggregate(events=_.count()).order_by("day")
    events = daily.execute()["events"]
    return {
        ("amount", "events of a day (UTC), mean"): events.mean(),
        ("amount", "events of a day (UTC), standard deviation"): events.std(),
        ("amount", "events of a day (UTC), median"): events.median(),
        ("amount", "events of the fullest day (UTC)"): events.max(),
        ("amount", "events of the last day (UTC), a part of one"): events.iloc[-1],
    }


def measure_sessions(events: ibis.Table) -> dict[tuple[str, str], float]:
    """Measure what sessions of a 30-minute gap are like, and what follows what within them."""
    numbered = number_sessions(events, SESSION_GAP_MINUTES)
    inside = ibis.window(group_by=["visitorid", "session_number"], order_by=ORDER)
    steps = numbered.select(
        "visitorid",
        "session_number",
        "timestamp",
        "event",
        before=numbered.event.lag().over(inside),
        same=numbered.itemid == numbered.itemid.lag().over(inside),
    )
    steps = keep(steps)
    sessions = steps.group_by("visitorid", "session_number").aggregate(
        events=_.count(),
        seconds=_.timestamp.max().delta(_.timestamp.min(), unit="millisecond") / 1000,
        viewed=(_.event == "view").any(),
        carted=(_.event == "addtocart").any(),
        bought=(_.event == "transaction").any(),
    )
    carted = _.viewed & _.carted
    told = sessions.aggregate(
        sessions=_.count(),
        viewing=_.viewed.sum(),
        carting=carted.sum(),
        buying=(carted & _.bought).sum(),
        **{f"events_{share}": _.events.quantile(share / 100) for share in (90, 95, 99)},
        **{f"seconds_{share}": _.seconds.quantile(share / 100) for share in (90, 95, 99)},
    )
    told = told.execute().iloc[0]
    found: dict[tuple[str, str], float] = {
        ("count", "sessions"): told["sessions"],
        ("count", "sessions with a view"): told["viewing"],
        ("count", "sessions with a view and an add to cart"): told["carting"],
        ("count", "sessions with all three"): told["buying"],
    }
    for share in (90, 95, 99):
        found["amount", f"events of a session, {share} % have at most"] = told[f"events_{share}"]
        found["amount", f"seconds of a session, {share} % have at most"] = told[f"seconds_{share}"]
    followed = (
        steps.filter(_.before.notnull()).group_by("before", "event").aggregate(steps=_.count(), same=_.same.sum())
    )
    table = followed.execute().set_index(["before", "event"]).astype(float)
    counts = table["steps"].unstack(fill_value=0.0).reindex(index=KINDS, columns=KINDS, fill_value=0.0)
    for origin in KINDS:
        for event in KINDS:
            found["share", name_step(origin, event)] = ratio(counts.loc[origin, event], counts.loc[origin].sum())
    acting = table[table.index.get_level_values("event").isin(KINDS[1:])].sum()
    found["share", "adds to cart and purchases of the item just seen"] = ratio(acting["same"], acting["steps"])
    return found


def measure_items(
    raw_events: ibis.Table, raw_properties: ibis.Table, item_categories: ibis.Table
) -> dict[tuple[str, str], float]:
    """Measure how events spread over items and, by their latest category, over categories."""
    bought = (_.event == "transaction").sum()
    items = raw_events.group_by("itemid").aggregate(events=_.count(), bought=bought)
    described = raw_properties.select("itemid").distinct().mutate(described=True)
    latest = item_categories.filter(_.valid_to.isnull()).select("itemid", "categoryid")
    items = items.left_join(described, "itemid").drop("itemid_right")
    items = items.left_join(latest, "itemid").drop("itemid_right")
    items = keep(items)
    told = items.aggregate(
        items=_.count(),
        sold=(_.bought > 0).sum(),
        described=_.described.sum().fill_null(0),
        events_described=_.events.sum(where=_.described).fill_null(0),
        events=_.events.sum(),
        **{f"from_{size}": (_.events >= size).sum() for size in (2, 5, 10)},
        **{f"most_{share}": _.events.quantile(share / 100) for share in (50, 90, 99)},
    )
    told = told.execute().iloc[0]
    known = items.filter(_.categoryid.notnull())
    shelves = known.group_by("categoryid").aggregate(events=_.events.sum()).order_by(ibis.desc("events")).execute()
    return {
        ("count", "items in the log"): told["items"],
        ("count", "items of two events or more"): told["from_2"],
        ("count", "items of five events or more"): told["from_5"],
        ("count", "items of ten events or more"): told["from_10"],
        ("count", "items sold"): told["sold"],
        ("count", "items of the log with properties"): told["described"],
        ("count", "categories of the items in the log"): len(shelves),
        ("share", "events of items with properties"): ratio(told["events_described"], told["events"]),
        ("share", "events in the busiest category"): ratio(shelves["events"].head(1).sum(), shelves["events"].sum()),
        ("share", "events in the twelve busiest categories"): ratio(
            shelves["events"].head(12).sum(), shelves["events"].sum()
        ),
        ("amount", "events of an item, median"): told["most_50"],
        ("amount", "events of an item, 90 % have at most"): told["most_90"],
        ("amount", "events of an item, 99 % have at most"): told["most_99"],
    }


def measure_properties(raw_properties: ibis.Table) -> dict[tuple[str, str], float]:
    """Measure how many rows the item properties have."""
    rows = raw_properties.group_by("property").aggregate(rows=_.count()).execute().set_index("property")["rows"]
    found: dict[tuple[str, str], float] = {
        ("count", "rows of item properties"): rows.sum(),
        ("count", "names of properties"): len(rows),
        ("count", "items with properties"): raw_properties.itemid.nunique().execute(),
    }
    for name in ("888", "790", "available", "categoryid"):
        found["count", f"rows of property {name}"] = rows.get(name, 0)
    return found


def measure_design(design: ShopDesign) -> dict[str, float]:
    """Return the measures of a generated shop that published figures rest on: name -> value."""
    measures = design.model_dump(exclude={"seed", "start", "learnable"})
    return measures | {"visitors_per_item": design.visitors / design.items}


def find_differences(design: ShopDesign) -> dict[str, tuple[float, float]]:
    """Return what a design sets otherwise than RetailRocket's: measure -> (RetailRocket's value, the design's)."""
    usual, own = measure_design(retailrocket_design()), measure_design(design)
    return {name: (usual[name], own[name]) for name in usual if not math.isclose(usual[name], own[name], rel_tol=0.02)}


COLUMNS = ["kind", "figure", "published", "found", "difference", "within", "agrees", "source"]


def read_design(workspace: Workspace) -> ShopDesign | None:
    """Return the design of a build's shop; None where the shop was not generated."""
    if not workspace.read_json("shop.json")["generated"]:
        return None
    return ShopDesign(**workspace.read_json("design.json")["design"])


def compare_log(
    raw_events: ibis.Table,
    events: ibis.Table,
    raw_properties: ibis.Table,
    item_categories: ibis.Table,
    categories: ibis.Table,
    design: ShopDesign | None,
) -> pd.DataFrame:
    """Count a log and lay it beside the published figures; the columns are those of `compare`.

    The frame is empty where the log is neither generated (`design`) nor RetailRocket's: then nothing that is
    published speaks of it. The tables are those of `measure_log`.
    """
    if design is None and not is_retailrocket(raw_events):
        return pd.DataFrame(columns=COLUMNS)
    return compare(measure_log(raw_events, events, raw_properties, item_categories, categories), design)


def compare(found: dict[tuple[str, str], float], design: ShopDesign | None) -> pd.DataFrame:
    """Lay a log's figures beside the published ones.

    `found` is from `measure_log`; `design` is that of a generated shop, None for RetailRocket's own log. Returns kind,
    figure, published, found, difference (found - published), within (how far they may be apart, in the figure's own
    unit), agrees ("yes", "no", or "by design" where the shop is made to differ) and source. Figures of a size that the
    shop does not have are left out.
    """
    changed = set(find_differences(design)) if design is not None else set()
    records = []
    for figure in FIGURES:
        if changed & SIZES & set(figure.rests_on):
            continue
        value = found[figure.kind, figure.name]
        slack = figure.slack if design is None else figure.tolerance
        within = slack * figure.value if figure.kind == "count" else slack
        close = abs(value - figure.value) <= within * (1 + 1e-9)
        agrees = "by design" if changed & set(figure.rests_on) else "yes" if close else "no"
        records.append(
            (
                figure.kind,
                figure.name,
                float(figure.value),
                value,
                value - figure.value,
                within,
                agrees,
                figure.source,
            )
        )
    return pd.DataFrame(records, columns=COLUMNS)


def measure_rhythm(raw_events: ibis.Table) -> dict[str, np.ndarray]:
    """Count the rows of a log by "hour" (3 x 24) and by "weekday" (3 x 7, from Monday), in UTC; rows as KINDS."""
    time = to_timestamp(raw_events.timestamp)
    counted = raw_events.group_by(event=raw_events.event, hour=time.hour(), weekday=time.day_of_week.index())
    frame = counted.aggregate(rows=_.count()).execute()
    rhythm = {}
    for name, length in (("hour", 24), ("weekday", 7)):
        counts = frame.pivot_table(index="event", columns=name, values="rows", aggfunc="sum", fill_value=0)
        rhythm[name] = counts.reindex(index=KINDS, columns=range(length), fill_value=0).to_numpy()
    return rhythm
