"""What visitors do in the log: every question answered by the engine, with a frame of a few rows.

All functions but `read_log` take a `Log` and return small pandas frames or Series; none of them ever holds
the log itself in memory. "Events" means the distinct events of a known type that name a visitor, an item and
a time.
"""

from dataclasses import dataclass
from statistics import NormalDist
from zoneinfo import available_timezones

import ibis
import numpy as np
import pandas as pd
from ibis import _
from ibis.backends import BaseBackend

from smartrocket.cleaning import (
    EARLIEST,
    EVENT_TYPES,
    HIGHEST_PRICE,
    LATEST,
    judge_rows,
    make_ledger,
    milliseconds,
    parse_number,
    read_event_type,
    read_transaction,
    require_events,
)
from smartrocket.engine import keep, keeping_order, read_ids, read_parquet, read_whole, to_timestamp
from smartrocket.errors import InputError
from smartrocket.sessions import ORDER, number_sessions
from smartrocket.wording import cut
from smartrocket.workspace import Workspace

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# A visitor type begins at this many actions.
VISITOR_TYPES = {"passer-by": 1, "browser": 2, "explorer": 5, "enthusiast": 15}
QUICK_SECONDS = 60
ACTIVE_SECONDS = 300
BOT_EVENTS_A_DAY = 200
# A log that begins or ends within this of midnight is taken to cover that day whole.
EDGE_OF_DAY = pd.Timedelta(hours=1)
DAY_SECONDS = 86_400


@ibis.udf.scalar.builtin(name="timezone", signature=(("string", "timestamp"), "timestamp('UTC')"))
def place_in_zone(zone, timestamp):
    """Say in which zone a naive timestamp was read off the clock."""


@ibis.udf.scalar.builtin(name="timezone", signature=(("string", "timestamp('UTC')"), "timestamp"))
def read_clock(zone, timestamp):
    """Read the wall clock of a zone at an instant."""


@dataclass(frozen=True)
class Log:
    """A shop's raw files, and the tables that every question about behaviour starts from.

    - `raw_events`, `raw_properties`, `raw_categories`: the files row by row.
    - `events`: timestamp (UTC), clock (the same in `time_zone`), visitorid, event, itemid, transactionid,
      session_number, pause_seconds since the visitor's previous event, and previous_event and previous_item
      within the session.
    - `sessions`: visitorid, session_number, clock, seconds, events and the count of each event type.
    - `visitors`: visitorid, first_day, days, events and the count of each event type.
    - `visitor_days`: visitorid, day, events.
    - `visitor_items`: visitorid, itemid, views (up to the first purchase), bought.
    - `items`: itemid of the events, the count of each event type, listed (is it in the item properties?), and
      the latest known categoryid and price.
    - `catalogue`: itemid, categoryid and price of every item in the properties.
    """

    raw_events: ibis.Table
    raw_properties: ibis.Table
    raw_categories: ibis.Table
    events: ibis.Table
    sessions: ibis.Table
    visitors: ibis.Table
    visitor_days: ibis.Table
    visitor_items: ibis.Table
    items: ibis.Table
    catalogue: ibis.Table
    first: pd.Timestamp
    last: pd.Timestamp
    time_zone: str
    session_gap_minutes: int


def count_types() -> dict[str, ibis.Deferred]:
    """Return the aggregates that count each event type: views, addtocarts, removals, transactions."""
    names = ("views", "addtocarts", "removals", "transactions")
    return {name: (_.event == kind).sum() for name, kind in zip(names, EVENT_TYPES, strict=True)}


def read_log(
    workspace: Workspace,
    connection: BaseBackend,
    time_zone: str = "UTC",
    session_gap_minutes: int = 30,
    price_property: str = "790",
    category_property: str = "categoryid",
) -> Log:
    """Prepare the tables of a `Log` in the engine, from what `ingest` left in the workspace.

    `time_zone` is a name such as "America/New_York". Raises InputError for an unknown time
    zone, and where no event of a known type is left.
    """
    if time_zone not in available_timezones():
        raise InputError(f"time_zone {time_zone!r} is unknown: give a name such as UTC or America/New_York.")

    def read(name: str) -> ibis.Table:
        return read_parquet(connection, workspace.existing(f"interim/{name}.parquet"))

    raw_events = read("raw_events")
    raw_properties = read("raw_properties")
    events = keep(link_events(raw_events, time_zone, session_gap_minutes))
    span = events.aggregate(first=_.clock.min(), last=_.clock.max()).execute().iloc[0]
    if pd.isna(span["first"]):
        require_events(make_ledger(judge_rows(raw_events), "events"))
    visitor_days = keep(
        events.group_by(["visitorid", day(events).name("day")]).aggregate(events=_.count(), **count_types())
    )
    catalogue = keep(list_catalogue(raw_properties, category_property, price_property))
    return Log(
        raw_events=raw_events,
        raw_properties=raw_properties,
        raw_categories=read("raw_categories"),
        events=events,
        sessions=keep(gather_sessions(events)),
        visitors=keep(gather_visitors(visitor_days)),
        visitor_days=visitor_days,
        visitor_items=keep(gather_visitor_items(events)),
        items=keep(gather_items(events, catalogue)),
        catalogue=catalogue,
        first=span["first"],
        last=span["last"],
        time_zone=time_zone,
        session_gap_minutes=session_gap_minutes,
    )


def day(events: ibis.Table) -> ibis.Value:
    """Return the day of each event by the shop's clock."""
    return events.clock.date()


def link_events(raw_events: ibis.Table, time_zone: str, session_gap_minutes: int) -> ibis.Table:
    """Return the distinct usable events with their clock, session and previous event (see `Log`)."""
    judged = judge_rows(raw_events)
    usable = judged.filter(judged.reason.isnull())
    usable = usable.mutate(transactionid=read_transaction(usable))
    distinct = usable.select("timestamp", "visitorid", "event", "itemid", "transactionid").distinct()
    timed = distinct.mutate(timestamp=to_timestamp(distinct.timestamp))
    numbered = number_sessions(timed, session_gap_minutes).drop("session_start", "position")
    past = ibis.window(group_by="visitorid", order_by=ORDER)
    inside = numbered.session_number == numbered.session_number.lag().over(past)
    pause = numbered.timestamp.delta(numbered.timestamp.lag().over(past), unit="millisecond")
    return numbered.mutate(
        clock=read_clock(time_zone, place_in_zone("UTC", numbered.timestamp)),
        pause_milliseconds=pause,
        pause_seconds=pause / 1000,
        previous_event=ibis.ifelse(inside, numbered.event.lag().over(past), ibis.null("string")),
        previous_item=ibis.ifelse(inside, numbered.itemid.lag().over(past), ibis.null("int64")),
    )


def gather_sessions(events: ibis.Table) -> ibis.Table:
    """Return one row a session (see `Log`); seconds run from its first event to its last."""
    return events.group_by("visitorid", "session_number").aggregate(
        clock=_.clock.min(),
        # Whole numbers add up to the same sum in any order, which several threads do not keep.
        seconds=ibis.coalesce(_.pause_milliseconds.sum(where=_.previous_event.notnull()), 0) / 1000,
        events=_.count(),
        **count_types(),
    )


def gather_visitors(visitor_days: ibis.Table) -> ibis.Table:
    """Return one row a visitor (see `Log`)."""
    sums = {name: _[name].sum() for name in ("events", "views", "addtocarts", "removals", "transactions")}
    return visitor_days.group_by("visitorid").aggregate(first_day=_.day.min(), days=_.count(), **sums)


def gather_visitor_items(events: ibis.Table) -> ibis.Table:
    """Return one row for each item that a visitor viewed or bought (see `Log`)."""
    pair = ibis.window(group_by=["visitorid", "itemid"])
    first_purchase = events.timestamp.min(where=events.event == "transaction").over(pair)
    marked = events.mutate(first_purchase=first_purchase)
    before = (_.event == "view") & (_.first_purchase.isnull() | (_.timestamp <= _.first_purchase))
    return (
        marked.group_by("visitorid", "itemid")
        .aggregate(views=before.sum(), bought=_.first_purchase.notnull().any())
        .filter((_.views > 0) | _.bought)
    )


def gather_items(events: ibis.Table, catalogue: ibis.Table) -> ibis.Table:
    """Return one row for each item of the events (see `Log`)."""
    counted = events.group_by("itemid").aggregate(events=_.count(), **count_types())
    listed = catalogue.mutate(listed=True)
    return counted.left_join(listed, "itemid").drop("itemid_right").mutate(listed=_.listed.fill_null(False))


def list_catalogue(raw_properties: ibis.Table, category_property: str, price_property: str) -> ibis.Table:
    """Return every item of the properties with its latest categoryid and price (missing where not known).

    Of two values at the same moment the larger text counts. RetailRocket writes a number as "n12.000"; a plain
    "12.00" is read as well.
    """
    rows = raw_properties.filter(_.itemid.notnull())
    readable = rows.timestamp.between(milliseconds(EARLIEST), milliseconds(LATEST))
    moment = ibis.struct({"timestamp": rows.timestamp, "value": rows.value})

    def latest(name: str) -> ibis.Value:
        return moment.max(where=(rows.property == name) & readable)["value"]

    items = rows.group_by("itemid").aggregate(category=latest(category_property), price=latest(price_property))
    price = parse_number(items.price)
    known = price.between(0, HIGHEST_PRICE).ifelse(price, ibis.null("float64"))
    return items.select("itemid", categoryid=read_whole(items.category), price=known)


def share_interval(successes: float, trials: float, level: float = 0.95) -> tuple[float, float]:
    """Return the ends of Wilson's interval for a share (Wilson 1927), (0, 1) where there was no trial."""
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / trials
    middle = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)) / (1 + z**2 / trials)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def count_once(table: ibis.Table) -> pd.Series:
    """Run an aggregation of one row that only counts; what counts nothing is 0."""
    return pd.to_numeric(table.execute().iloc[0]).fillna(0).astype("int64")


def bin_number(value: ibis.Value, edges: list[float]) -> ibis.Value:
    """Return the place of the bin a value falls in: bin i holds edges[i] <= value < edges[i + 1].

    A value below the first edge counts to the first bin, one at or above the last edge to the last one.
    """
    bins = [(value < edge, place) for place, edge in enumerate(edges[1:])]
    return ibis.cases(*bins, else_=len(edges) - 1) if bins else ibis.literal(0)


def read_bins(table: ibis.Table, place: ibis.Value, edges: list[float], **aggregates: ibis.Value) -> pd.DataFrame:
    """Aggregate by bin: low, high (None in the open last one) and the aggregates, empty bins as 0."""
    counted = table.group_by(place.name("place")).aggregate(**aggregates).execute().set_index("place")
    counts = counted.astype(dict.fromkeys(aggregates, "Int64"))
    frame = counts.reindex(range(len(edges))).fillna(0).astype(dict.fromkeys(aggregates, "int64"))
    highs = pd.Series([*edges[1:], None], dtype="object")
    return pd.DataFrame({"low": edges, "high": highs}).join(frame)


# ---- the files -------------------------------------------------------------------------------------------


def raw_files(log: Log) -> dict[str, ibis.Table]:
    """Return the raw tables by the name of what they hold."""
    return {
        "events": log.raw_events,
        "item properties": log.raw_properties,
        "category tree": log.raw_categories,
    }


def profile_files(log: Log) -> pd.DataFrame:
    """Describe each raw file: file, rows, columns, missing (empty cells), duplicates (rows that repeat an
    earlier one exactly), out_of_order (rows older than the row before), first and last (UTC).

    out_of_order, first and last are missing for a file without timestamps. An empty parentid marks a root of
    the category tree and an empty transactionid an event that is no purchase; both count as missing here.
    """
    return pd.DataFrame([profile_file(name, table) for name, table in raw_files(log).items()])


def profile_file(name: str, table: ibis.Table) -> dict:
    """Describe one raw file (see `profile_files`)."""
    # Counts of a whole column stand in the Parquet file's own statistics, so nothing is read for them.
    filled = {column: table[column].count() for column in table.columns}
    totals = table.aggregate(table.count().name("row count"), **filled).execute().iloc[0]
    rows = int(totals["row count"])
    described = {
        "file": name,
        "rows": rows,
        "columns": len(filled),
        "missing": rows * len(filled) - int(totals[list(filled)].sum()),
        "duplicates": rows - count_distinct_rows(table),
        "out_of_order": None,
        "first": None,
        "last": None,
    }
    if "timestamp" in filled and rows:
        readable = table.timestamp.between(milliseconds(EARLIEST), milliseconds(LATEST))
        ends = (
            table.aggregate(first=table.timestamp.min(where=readable), last=table.timestamp.max(where=readable))
            .execute()
            .iloc[0]
        )
        described |= {"out_of_order": count_late_rows(table)}
        described |= {end: read_milliseconds(ends[end]) for end in ("first", "last")}
    return described


def count_late_rows(table: ibis.Table) -> int:
    """Count the rows of a file whose `timestamp` is smaller than that of the row before, in the file's order."""
    with keeping_order(table.get_backend()):
        times = table.timestamp.to_pyarrow().to_numpy(zero_copy_only=False)
    return int(np.count_nonzero(times[1:] < times[:-1]))


def count_distinct_rows(table: ibis.Table) -> int:
    """Count the different rows of a table of any length in little memory.

    A hash of 64 bits stands for each row: twenty million rows share one by chance once in 100,000 times.
    """
    row = ibis.struct({column: table[column] for column in table.columns})
    hashes = np.sort(row.hash().to_pyarrow().to_numpy())
    return int(np.count_nonzero(hashes[1:] != hashes[:-1]) + min(len(hashes), 1))


def read_milliseconds(milliseconds: float) -> str | None:
    """Write a time in milliseconds since 1970 as text in UTC, to the second; None where it is no such
    time.
    """
    if pd.isna(milliseconds):
        return None
    return pd.Timestamp(int(milliseconds), unit="ms").isoformat(sep=" ", timespec="seconds")


def profile_columns(log: Log, least: int = 1) -> pd.DataFrame:
    """Describe each column of each raw file: file, column, type, missing (share), smallest and largest.

    Where groups of fewer than `least` visitors are hidden, so are the two numbers that name single ones.
    """
    hidden = {"visitorid", "transactionid"} if least > 1 else set()
    records = []
    for name, table in raw_files(log).items():
        aggregates = {"rows": table.count()}
        for column in table.columns:
            aggregates |= {
                f"{column}/filled": table[column].count(),
                f"{column}/smallest": table[column].min(),
                f"{column}/largest": table[column].max(),
            }
        told = table.aggregate(**aggregates).execute().astype(object).iloc[0]
        if told["rows"]:
            records += [
                {
                    "file": name,
                    "column": column,
                    "type": str(kind),
                    "missing": 1 - told[f"{column}/filled"] / told["rows"],
                    "smallest": None if column in hidden else shorten(told[f"{column}/smallest"]),
                    "largest": None if column in hidden else shorten(told[f"{column}/largest"]),
                }
                for column, kind in table.schema().items()
            ]
    return pd.DataFrame(records)


def shorten(value: object, longest: int = 24) -> str | None:
    """Write a value of a column as text, cut where it is long; None where it is missing."""
    if pd.isna(value):
        return None
    return cut(value if isinstance(value, str) else str(int(value)), longest)


def count_event_types(log: Log, most: int = 20) -> pd.DataFrame:
    """Count the raw rows by event type, most frequent first: event (None where empty), rows, known.

    Names are cut where they are long. A column of free text has no end of types: beyond the `most` frequent ones the
    unknown ones are one row.
    """
    counted = log.raw_events.group_by("event").aggregate(rows=_.count())
    counted = counted.mutate(known=read_event_type(_.event).isin(EVENT_TYPES).fill_null(False))
    order = [ibis.asc(~counted.known), ibis.desc(counted.rows), counted.event]
    counted = counted.mutate(rank=ibis.row_number().over(order_by=order))
    shown = counted.filter(_.known | (_.rank < most)).execute().sort_values(["rows", "event"], ascending=[False, True])
    others = counted.filter(~_.known & (_.rank >= most)).aggregate(types=_.count(), rows=_.rows.sum()).execute().iloc[0]
    shown["event"] = shown["event"].map(lambda name: shorten(name, 60))
    if others["types"]:
        rest = pd.DataFrame(
            {"event": [f"({int(others['types']):,} other types)"], "rows": [int(others["rows"])], "known": [False]}
        )
        shown = pd.concat([shown, rest])
    return shown[["event", "rows", "known"]].reset_index(drop=True)


def match_catalogue(log: Log) -> pd.Series:
    """Match the events' items with the item properties.

    Returns items, events (both of the log), listed_items, listed_events (those found in the properties),
    catalogue (items in the properties), categorised_items, priced_items, viewed_items, carted_items,
    sold_items.
    """
    items = log.items
    matched = items.aggregate(
        items=items.count(),
        events=items.events.sum(),
        listed_items=items.listed.sum(),
        listed_events=items.events.sum(where=items.listed),
        categorised_items=items.categoryid.count(),
        priced_items=items.price.count(),
        viewed_items=(items.views > 0).sum(),
        carted_items=(items.addtocarts > 0).sum(),
        sold_items=(items.transactions > 0).sum(),
    )
    return pd.concat([count_once(matched), pd.Series({"catalogue": log.catalogue.count().execute()})])


def match_files(log: Log) -> pd.DataFrame:
    """Check whether the files speak of the same things: check (in words), found, of (how many were looked at).

    The rows are what is found in one file and not in another: items, categories, parents. Checks that need a file
    which the shop does not have are left out.
    """
    matched = match_catalogue(log)
    rows: list[tuple[str, int, int]] = []
    if matched["catalogue"]:
        lacking = log.catalogue.aggregate(category=_.categoryid.isnull().sum(), price=_.price.isnull().sum())
        missing = count_once(lacking)
        items, catalogue = matched["items"], matched["catalogue"]
        rows += [
            ("items of the log that are not in the item properties", items - matched["listed_items"], items),
            ("events of such items", matched["events"] - matched["listed_events"], matched["events"]),
            ("items in the properties that no event names", catalogue - matched["listed_items"], catalogue),
            ("items in the properties without a category", missing["category"], catalogue),
            ("items in the properties without a price", missing["price"], catalogue),
        ]
    tree = log.raw_categories
    if size := int(tree.count().execute()):
        known = tree.filter(_.categoryid.notnull()).select("categoryid").distinct()
        parents = tree.filter(_.parentid.notnull()).select(categoryid="parentid").distinct()
        lost = parents.anti_join(known, "categoryid").count().execute()
        rows.append(("parents that the category tree does not list", int(lost), int(parents.count().execute())))
        used = log.catalogue.filter(_.categoryid.notnull()).select("categoryid").distinct()
        if matched["catalogue"]:
            strange = int(used.anti_join(known, "categoryid").count().execute())
            rows.append(("categories of items that are not in the tree", strange, int(used.count().execute())))
            empty = int(known.anti_join(used, "categoryid").count().execute())
            rows.append(("categories of the tree without an item", empty, size))
    return pd.DataFrame(rows, columns=["check", "found", "of"])


# ---- days, hours and sessions ----------------------------------------------------------------------------


def daily_volume(log: Log) -> pd.DataFrame:
    """Count the events of each day, by the shop's clock: date, one column an event type, whole.

    Days without an event are rows of zeros. `whole` is False for a first or last day that the log covers only
    in part: it begins more than an hour after midnight, or ends more than an hour before.
    """
    counted = (
        log.events.group_by(day(log.events).name("date"))
        .aggregate(**{kind: (_.event == kind).sum() for kind in EVENT_TYPES})
        .execute()
    )
    counted["date"] = pd.to_datetime(counted["date"])
    dates = pd.date_range(log.first.normalize(), log.last.normalize(), name="date")
    daily = counted.set_index("date").reindex(dates, fill_value=0).astype("int64").reset_index()
    daily["whole"] = True
    if log.first - dates[0] > EDGE_OF_DAY:
        daily.loc[0, "whole"] = False
    if dates[-1] + pd.Timedelta(days=1) - log.last > EDGE_OF_DAY:
        daily.loc[len(daily) - 1, "whole"] = False
    return daily


def weekly_rhythm(daily: pd.DataFrame) -> pd.DataFrame:
    """Average the whole days of `daily_volume` by weekday: weekday (0 = Monday), days, mean of each event
    type.
    """
    whole = daily[daily["whole"]]
    grouped = whole.groupby(whole["date"].dt.weekday.rename("weekday"))
    means = grouped[list(EVENT_TYPES)].mean()
    return means.assign(days=grouped.size()).reset_index()


def hourly_volume(log: Log, daily: pd.DataFrame) -> pd.DataFrame:
    """Average the events by weekday and hour of the shop's clock, over the whole days of `daily_volume`.

    Returns weekday (0 = Monday), hour, events (per such hour); all 24 hours of each weekday that is covered.
    """
    whole = daily.loc[daily["whole"], "date"]
    days = whole.dt.weekday.value_counts()
    kept = log.events
    if len(whole):
        kept = kept.filter(kept.clock >= whole.iloc[0], kept.clock < whole.iloc[-1] + pd.Timedelta(days=1))
    counted = kept.group_by(weekday=kept.clock.day_of_week.index(), hour=kept.clock.hour()).aggregate(events=_.count())
    index = pd.MultiIndex.from_product([sorted(days.index), range(24)], names=["weekday", "hour"])
    frame = counted.execute().set_index(["weekday", "hour"]).reindex(index, fill_value=0).reset_index()
    return frame.assign(events=frame["events"] / frame["weekday"].map(days))


def session_lengths(log: Log, longest: int = 10) -> pd.DataFrame:
    """Count the sessions by their number of events: events (`longest` stands for that many or more),
    sessions.
    """
    capped = log.sessions.events.clip(upper=longest)
    counted = log.sessions.group_by(capped.name("events")).aggregate(sessions=_.count()).execute()
    return counted.set_index("events").reindex(range(1, longest + 1), fill_value=0).reset_index()


# Seconds at which a bar of session durations begins.
DURATIONS = [0, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600]


def session_durations(log: Log) -> pd.DataFrame:
    """Count the sessions of two events or more by duration: low, high (seconds; None: open), sessions."""
    lasting = log.sessions.filter(_.events > 1)
    return read_bins(lasting, bin_number(lasting.seconds, DURATIONS), DURATIONS, sessions=lasting.count())


def summarise_sessions(log: Log) -> pd.Series:
    """Return sessions, single (of one event), median and p95 of events, and of seconds of the longer sessions
    (missing where there is none): events_median, events_p95, seconds_median, seconds_p95."""
    sessions = log.sessions
    lasting = sessions.events > 1
    told = sessions.aggregate(
        sessions=sessions.count(),
        single=(sessions.events == 1).sum(),
        events_median=sessions.events.quantile(0.5),
        events_p95=sessions.events.quantile(0.95),
        seconds_median=sessions.seconds.quantile(0.5, where=lasting),
        seconds_p95=sessions.seconds.quantile(0.95, where=lasting),
    )
    return told.execute().astype("float64").iloc[0]


def gap_classes(session_gap_minutes: int) -> dict[str, tuple[float, float]]:
    """Return the seconds, from and below, of each class of pause between two events of a visitor.

    The session gap ends "comparing": what is longer is a return in a new session.
    """
    gap = session_gap_minutes * 60
    quick, active = min(QUICK_SECONDS, gap), min(ACTIVE_SECONDS, gap)
    return {
        "quick": (0, quick),
        "active": (quick, active),
        "comparing": (active, gap),
        "returning": (gap, float("inf")),
    }


def gaps(log: Log) -> pd.DataFrame:
    """Count the pauses between consecutive events of a visitor: low, high (seconds), gap_class, gaps.

    Bins hold low <= seconds < high, but a pause of exactly the session gap still belongs to the session.
    """
    classes = gap_classes(log.session_gap_minutes)
    usual = [0, 10, 30, 60, 120, 300, 600, 1800, 3600, 6 * 3600, DAY_SECONDS, 7 * DAY_SECONDS]
    gap = log.session_gap_minutes * 60
    edges = sorted({*usual, gap})
    paused = log.events.filter(_.pause_seconds.notnull())
    pause = ibis.ifelse(paused.pause_seconds == gap, gap - 0.001, paused.pause_seconds)
    frame = read_bins(paused, bin_number(pause, edges), edges, gaps=paused.count())
    frame["gap_class"] = [
        next(name for name, (low, high) in classes.items() if low <= start < high) for start in frame["low"]
    ]
    return frame


def summarise_gaps(log: Log) -> pd.Series:
    """Return the median pause in seconds within sessions (`inside`) and between any two consecutive events
    of a visitor (`any`); missing where no visitor has two events.
    """
    pause = log.events.pause_seconds
    inside = log.events.previous_event.notnull()
    told = log.events.aggregate(inside=pause.quantile(0.5, where=inside), any=pause.quantile(0.5))
    return told.execute().astype("float64").iloc[0]


# ---- visitors --------------------------------------------------------------------------------------------


def visitor_types(log: Log) -> pd.DataFrame:
    """Sort the visitors by their number of actions: visitor_type, low, high (None: open), visitors, events,
    views, addtocarts, transactions (rows), buyers."""
    visitors = log.visitors
    edges = list(VISITOR_TYPES.values())
    frame = read_bins(
        visitors,
        bin_number(visitors.events, edges),
        edges,
        visitors=visitors.count(),
        events=visitors.events.sum(),
        views=visitors.views.sum(),
        addtocarts=visitors.addtocarts.sum(),
        transactions=visitors.transactions.sum(),
        buyers=(visitors.transactions > 0).sum(),
    )
    frame["high"] = [None if high is None else high - 1 for high in frame["high"]]
    return frame.assign(visitor_type=list(VISITOR_TYPES))


def baskets(log: Log) -> pd.DataFrame:
    """Describe what each type of visitor buys: visitor_type, transactions (different ids), rows (items
    bought), median_price of the bought items (missing where no price is known).
    """
    bought = log.events.filter(_.event == "transaction").join(log.visitors.select("visitorid", "events"), "visitorid")
    priced = bought.left_join(log.items.select("itemid", "price"), "itemid")
    edges = list(VISITOR_TYPES.values())
    counted = (
        priced.group_by(place=bin_number(priced.events, edges))
        .aggregate(
            transactions=_.transactionid.nunique(),
            rows=_.count(),
            median_price=_.price.quantile(0.5, where=_.price > 0),
        )
        .execute()
        .set_index("place")
    )
    frame = counted.reindex(range(len(edges)))
    counts = frame[["transactions", "rows"]].fillna(0).astype("int64")
    prices = frame["median_price"].astype("float64")
    return counts.assign(median_price=prices, visitor_type=list(VISITOR_TYPES)).reset_index(drop=True)


FUNNEL = ("viewed", "added to cart", "bought")


def funnel(log: Log) -> pd.DataFrame:
    """Count visitors and sessions that reached each stage and all stages before it: level ("visitor" or
    "session"), stage, count, and total (of all visitors or sessions)."""
    records = []
    for level, table in (("visitor", log.visitors), ("session", log.sessions)):
        viewed = table.views > 0
        added = viewed & (table.addtocarts > 0)
        bought = added & (table.transactions > 0)
        told = table.aggregate(
            total=_.count(), **dict(zip(FUNNEL, (viewed.sum(), added.sum(), bought.sum()), strict=True))
        )
        counts = told.execute().iloc[0]
        records += [
            {"level": level, "stage": stage, "count": int(counts[stage]), "total": int(counts["total"])}
            for stage in FUNNEL
        ]
    return pd.DataFrame(records)


def conversion(log: Log) -> pd.DataFrame:
    """Count who bought, whatever they did before: level ("visitor" or "session"), buyers, total."""
    tables = {"visitor": log.visitors, "session": log.sessions}
    told = [
        table.aggregate(buyers=(_.transactions > 0).sum(), total=_.count()).execute().assign(level=level)
        for level, table in tables.items()
    ]
    return pd.concat(told, ignore_index=True)


def new_and_returning(log: Log) -> pd.DataFrame:
    """Count each day's visitors: date, new (their first day in the log), returning."""
    days = log.visitor_days.join(log.visitors.select("visitorid", "first_day"), "visitorid")
    is_new = days.day == days.first_day
    counted = days.group_by(date=days.day).aggregate(new=is_new.sum(), returning=(~is_new).sum()).execute()
    counted["date"] = pd.to_datetime(counted["date"])
    dates = pd.date_range(log.first.normalize(), log.last.normalize(), name="date")
    return counted.set_index("date").reindex(dates, fill_value=0).astype("int64").reset_index()


def retention(log: Log) -> pd.DataFrame:
    """Follow the visitors by the week of their first event: cohort (0, 1, ...), start (date), week (weeks
    since), visitors, size (of the cohort).

    Weeks are seven times 24 hours from the first event of the log, so that all are whole; what follows the
    last whole week is left out.
    """
    events = log.events
    first = events.timestamp.min().as_scalar().epoch_seconds()
    week = ((events.timestamp.epoch_seconds() - first) / (7 * DAY_SECONDS)).floor().cast("int64")
    seen = events.select(visitorid=events.visitorid, week=week).distinct()
    whole = int(week.max().execute())
    cohorts = seen.group_by("visitorid").aggregate(cohort=_.week.min())
    joined = seen.join(cohorts, "visitorid").filter(_.week < whole)
    counted = joined.group_by(cohort=joined.cohort, week=joined.week - joined.cohort).aggregate(visitors=_.count())
    counts = counted.execute().set_index(["cohort", "week"])["visitors"]
    pairs = [(cohort, week) for cohort in range(whole) for week in range(whole - cohort)]
    frame = pd.DataFrame(pairs, columns=["cohort", "week"])
    frame["visitors"] = counts.reindex(pd.MultiIndex.from_frame(frame), fill_value=0).to_numpy(dtype="int64")
    starts = log.first.normalize() + pd.to_timedelta(7 * frame["cohort"], unit="D")
    sizes = frame[frame["week"] == 0].set_index("cohort")["visitors"]
    return frame.assign(start=starts, size=frame["cohort"].map(sizes))


def visitor_day_sizes(log: Log) -> pd.DataFrame:
    """Sort visitors' days by their number of events: low, high (None: open), visitor_days, visitors, events."""
    edges = [1, 2, 5, 10, 20, 50, 100, BOT_EVENTS_A_DAY + 1]
    days = log.visitor_days
    return read_bins(
        days,
        bin_number(days.events, edges),
        edges,
        visitor_days=days.count(),
        visitors=days.visitorid.nunique(),
        events=days.events.sum(),
    )


def summarise_outliers(log: Log, least: int = 1) -> pd.Series:
    """Return visitor_days and visitors above `BOT_EVENTS_A_DAY` events in a day, their events, transactions
    among these, and how many events each of the `least` busiest visitors has on a day, at least: days, visitors,
    events, transactions, largest."""
    days = log.visitor_days
    heavy = days.events > BOT_EVENTS_A_DAY
    told = days.aggregate(
        days=heavy.sum(),
        visitors=days.visitorid.nunique(where=heavy),
        events=days.events.sum(where=heavy),
        transactions=days.transactions.sum(where=heavy),
    )
    largest = days.group_by("visitorid").aggregate(events=_.events.max()).order_by(_.events.desc()).limit(least)
    return count_once(told.mutate(largest=largest.events.min().as_scalar()))


# ---- items, categories and prices ------------------------------------------------------------------------


def lorenz(log: Log, measure: str = "views", points: int = 100) -> pd.DataFrame:
    """Return the Lorenz curve (Lorenz 1905) of a count over the items of the log: items and share, both from
    0 to 1, items from the least to the most popular; no row where the count is zero everywhere."""
    items = log.items
    ordered = ibis.window(order_by=[items[measure], items.itemid], rows=(None, 0))
    ranked = items.select(
        rank=ibis.row_number().over(ibis.window(order_by=[items[measure], items.itemid])) + 1,
        running=items[measure].sum().over(ordered),
    )
    size = int(items.count().execute())
    wanted = sorted({round(size * place / points) for place in range(1, points + 1)} - {0})
    curve = ranked.filter(ranked.rank.isin(wanted)).order_by("rank").execute()
    total = curve["running"].iloc[-1]
    if total == 0:
        return pd.DataFrame({"items": [], "share": []})
    start = pd.DataFrame({"items": [0.0], "share": [0.0]})
    return pd.concat(
        [start, pd.DataFrame({"items": curve["rank"] / size, "share": curve["running"] / total})],
        ignore_index=True,
    )


def gini(log: Log, measure: str = "events") -> float | None:
    """Return Gini's coefficient of a count over the items of the log: 0 where all items have the same, near 1
    where one item has all; None where the count is zero everywhere."""
    items = log.items
    rank = ibis.row_number().over(ibis.window(order_by=[items[measure], items.itemid])) + 1
    ranked = items.select(weighted=rank.cast("float64") * items[measure], value=items[measure])
    told = ranked.aggregate(weighted=_.weighted.sum(), total=_.value.sum(), size=_.count()).execute().iloc[0]
    if not told["total"]:
        return None
    size = float(told["size"])
    return float(2 * told["weighted"] / (size * told["total"]) - (size + 1) / size)


def top_share(log: Log, measure: str = "events", share: float = 0.1) -> float | None:
    """Return the part of a count that the most popular `share` of the items (at least one) gathers; None
    where the count is zero everywhere.
    """
    items = log.items
    size = max(1, int(share * items.count().execute()))
    total = items[measure].sum().execute()
    top = items.order_by(ibis.desc(measure)).limit(size)[measure].sum().execute()
    return float(top / total) if total else None


def popularity_ranks(log: Log, points: int = 40) -> pd.DataFrame:
    """Return the events of the item at some popularity ranks, evenly spread on a logarithmic scale: rank,
    events.
    """
    items = log.items
    ranked = items.select(
        rank=ibis.row_number().over(ibis.window(order_by=[ibis.desc("events"), "itemid"])) + 1,
        events=items.events,
    )
    size = int(items.count().execute())
    wanted = sorted({round(rank) for rank in np.geomspace(1, size, points)})
    return ranked.filter(ranked.rank.isin(wanted)).order_by("rank").execute()


def category_mix(log: Log) -> pd.DataFrame:
    """Count events by the items' latest known category, most viewed first: categoryid (missing for items
    without one), items, views, addtocarts, transactions.
    """
    mix = log.items.group_by("categoryid").aggregate(
        items=_.count(), views=_.views.sum(), addtocarts=_.addtocarts.sum(), transactions=_.transactions.sum()
    )
    frame = read_ids(mix)
    return frame.sort_values(["views", "categoryid"], ascending=[False, True], ignore_index=True)


def list_categories(mix: pd.DataFrame, most: int = 12) -> pd.DataFrame:
    """List the known categories with most views, as a table is read: category (as text), items, views, adds to cart,
    sales, and sales for 100 views. `mix` is from `category_mix`.
    """
    return write_counts(mix[mix["categoryid"].notna()].head(most), "categoryid", "category")


def list_popular(log: Log, most: int = 12) -> pd.DataFrame:
    """List the items with most views, as a table is read: item (as text), views, adds to cart, sales, and sales for 100
    views.
    """
    top = log.items.order_by([ibis.desc("views"), "itemid"]).limit(most)
    return write_counts(top.select("itemid", "views", "addtocarts", "transactions").execute(), "itemid", "item")


def write_counts(counted: pd.DataFrame, number: str, heading: str) -> pd.DataFrame:
    """Return counts of categories or items under the names that a table shows, the numbers of these as text."""
    shown = counted.rename(columns={number: heading, "addtocarts": "adds to cart", "transactions": "sales"})
    rate = 100 * counted["transactions"] / counted["views"].where(counted["views"] > 0)
    return shown.astype({heading: str}).assign(**{"sales for 100 views": rate})


def category_loyalty(log: Log, most_items: int = 5, most_categories: int = 3) -> pd.DataFrame:
    """Count the sessions with two different items or more by items and categories: items, categories,
    sessions.

    Only items with a known category count; `most_items` and `most_categories` stand for that many or more.
    """
    known = log.items.filter(_.categoryid.notnull()).select("itemid", "categoryid")
    seen = log.events.select("visitorid", "session_number", "itemid").distinct().join(known, "itemid")
    by_category = seen.group_by("visitorid", "session_number", "categoryid").aggregate(items=_.count())
    by_session = by_category.group_by("visitorid", "session_number").aggregate(
        items=_.items.sum(), categories=_.count()
    )
    several = by_session.filter(_.items > 1)
    counted = several.group_by(
        items=several.items.clip(upper=most_items), categories=several.categories.clip(upper=most_categories)
    ).aggregate(sessions=_.count())
    pairs = [(items, kinds) for items in range(2, most_items + 1) for kinds in range(1, most_categories + 1)]
    index = pd.MultiIndex.from_tuples(pairs, names=["items", "categories"])
    return counted.execute().set_index(["items", "categories"]).reindex(index, fill_value=0).reset_index()


def category_steps(log: Log) -> pd.Series:
    """Count the steps from one item to a different one within sessions, both of a known category.

    Returns steps, same (to an item of the same category) and expected: the share of same steps if the next
    item came from a category drawn in proportion to the steps that lead there (missing where there is no
    step).
    """
    known = log.items.filter(_.categoryid.notnull()).select("itemid", "categoryid")
    origin = known.rename(previous_item="itemid", origin="categoryid")
    moved = log.events.filter(log.events.previous_item != log.events.itemid).select("itemid", "previous_item")
    steps = moved.join(known, "itemid").join(origin, "previous_item")
    counted = (
        steps.group_by("categoryid").aggregate(arrivals=_.count(), same=(_.categoryid == _.origin).sum()).execute()
    )
    total = counted["arrivals"].sum()
    expected = float(((counted["arrivals"] / total) ** 2).sum()) if total else float("nan")
    return pd.Series({"steps": float(total), "same": float(counted["same"].sum()), "expected": expected})


def price_bins(log: Log, bins: int = 24) -> pd.DataFrame:
    """Count the items by their latest price, in bins of equal ratio: low, high, catalogue (items in the
    properties), viewed (items of the log with a view). Prices of zero are left out; no row without any
    price.
    """
    priced = log.catalogue.filter(_.price > 0).left_join(log.items.select("itemid", "views"), "itemid")
    span = priced.aggregate(low=_.price.min(), high=_.price.max()).execute().iloc[0]
    if pd.isna(span["low"]):
        return pd.DataFrame({"low": [], "high": [], "catalogue": [], "viewed": []})
    if span["low"] == span["high"]:
        bins = 1
    edges = list(np.geomspace(span["low"], span["high"], bins + 1))
    frame = read_bins(
        priced,
        bin_number(priced.price, edges[:-1]),
        edges[:-1],
        catalogue=priced.count(),
        viewed=(priced.views > 0).sum(),
    )
    return frame.assign(high=edges[1:])


def summarise_prices(log: Log) -> pd.Series:
    """Return priced (items with a price above zero), free (items with a price of zero), p10, median and
    p90 of the prices above zero (missing without any).
    """
    price = log.catalogue.price
    positive = price > 0
    told = log.catalogue.aggregate(
        priced=positive.sum(),
        free=(price == 0).sum(),
        p10=price.quantile(0.1, where=positive),
        median=price.quantile(0.5, where=positive),
        p90=price.quantile(0.9, where=positive),
    )
    return told.execute().astype("float64").iloc[0].fillna({"priced": 0, "free": 0})


def price_conversion(log: Log, groups: int = 10) -> pd.DataFrame:
    """Compare prices with purchases: the viewed items with a price in `groups` of equal size, cheapest first.

    Returns group (1, 2, ...), low and high (price), items, viewers (pairs of a visitor and an item they
    viewed), bought (of these pairs), share, and its 95 % interval from_share, to_share.
    """
    priced = log.items.filter((_.price > 0) & (_.views > 0)).select("itemid", "price")
    placed = priced.mutate(group=ibis.ntile(groups).over(ibis.window(order_by=["price", "itemid"])) + 1)
    pairs = log.visitor_items.filter(_.views > 0).join(placed, "itemid")
    by_item = pairs.group_by("group", "itemid").aggregate(price=_.price.min(), viewers=_.count(), bought=_.bought.sum())
    counted = by_item.group_by("group").aggregate(
        low=_.price.min(), high=_.price.max(), items=_.count(), viewers=_.viewers.sum(), bought=_.bought.sum()
    )
    frame = counted.order_by("group").execute()
    return with_share(frame, "bought", "viewers")


def with_share(frame: pd.DataFrame, part: str, whole: str) -> pd.DataFrame:
    """Add share = part / whole and the ends of its 95 % interval: from_share, to_share."""
    ends = [share_interval(*pair) for pair in zip(frame[part], frame[whole], strict=True)]
    return frame.assign(
        share=frame[part] / frame[whole].where(frame[whole] > 0),
        from_share=[low for low, _high in ends],
        to_share=[high for _low, high in ends],
    )


def repeat_views(log: Log, most: int = 5) -> pd.DataFrame:
    """Count the pairs of a visitor and a viewed item by the number of views before the first purchase: views
    (`most` stands for that many or more), pairs, bought, share, from_share, to_share."""
    viewed = log.visitor_items.filter(_.views > 0)
    counted = viewed.group_by(views=viewed.views.clip(upper=most)).aggregate(pairs=_.count(), bought=_.bought.sum())
    frame = counted.execute().set_index("views").reindex(range(1, most + 1), fill_value=0).reset_index()
    return with_share(frame, "bought", "pairs")


def immediate_repeats(log: Log) -> pd.Series:
    """Count the views that follow another event of the session: following, and same (of the same item)."""
    views = log.events.filter((_.event == "view") & _.previous_event.notnull())
    told = views.aggregate(following=views.count(), same=(views.itemid == views.previous_item).sum())
    return count_once(told)


def transitions(log: Log) -> pd.DataFrame:
    """Count the steps from one event to the next within sessions: origin, event, steps, share (of the
    origin's steps). Only the event types of the log appear.
    """
    followed = log.events.filter(_.previous_event.notnull())
    counted = followed.group_by(origin=followed.previous_event, event=followed.event).aggregate(steps=_.count())
    frame = counted.execute()
    kinds = [kind for kind in EVENT_TYPES if kind in {*frame["origin"], *frame["event"]}]
    index = pd.MultiIndex.from_product([kinds, kinds], names=["origin", "event"])
    frame = frame.set_index(["origin", "event"]).reindex(index, fill_value=0).reset_index()
    totals = frame.groupby("origin")["steps"].transform("sum")
    return frame.assign(share=frame["steps"] / totals.where(totals > 0))


# ---- what the report quotes ------------------------------------------------------------------------------


def facts(log: Log, files: pd.DataFrame, daily: pd.DataFrame, least: int = 1) -> list[tuple[str, object, str]]:
    """Return the numbers that chapters quote, as (name, value, unit); None where this shop cannot tell.

    `files` is from `profile_files` and `daily` from `daily_volume`. What fewer than `least` visitors did is None, too.
    """
    rows = files.set_index("file")["rows"]
    types = count_event_types(log)
    raw_rows = types.set_index("event")["rows"]
    matched = match_catalogue(log)
    who = conversion(log).set_index("level")
    sessions = summarise_sessions(log)
    outliers = summarise_outliers(log)
    hidden = 0 < outliers["visitors"] < least
    repeats = immediate_repeats(log)
    busiest = busiest_times(log, daily)
    events = log.events
    ends = events.aggregate(first=_.timestamp.min(), last=_.timestamp.max()).execute().iloc[0]
    transactions = events.filter(_.event == "transaction").transactionid.nunique().execute()
    returning = log.visitors.filter(_.days > 1).count().execute()
    # Without properties, every item would lack them: that says nothing of the items.
    unlisted = 1 - matched["listed_items"] / matched["items"] if matched["catalogue"] else None

    def share(part: float, whole: float) -> float | None:
        return float(part / whole) if whole else None

    def known(value: float) -> float | None:
        return None if pd.isna(value) else float(value)

    return [
        ("rows_events", rows["events"], "rows"),
        ("rows_properties", rows["item properties"], "rows"),
        ("rows_categories", rows["category tree"], "rows"),
        ("duplicates_events", files.set_index("file").loc["events", "duplicates"], "rows"),
        ("unknown_event_rows", types.loc[~types["known"], "rows"].sum(), "rows"),
        ("view_rows", raw_rows.get("view", 0), "rows"),
        ("addtocart_rows", raw_rows.get("addtocart", 0), "rows"),
        ("removefromcart_rows", raw_rows.get("removefromcart", 0), "rows"),
        ("transaction_rows", raw_rows.get("transaction", 0), "rows"),
        ("transactions", transactions, "transactions"),
        ("events_used", matched["events"], "events"),
        ("first_event", ends["first"].isoformat(timespec="milliseconds"), "UTC"),
        ("last_event", ends["last"].isoformat(timespec="milliseconds"), "UTC"),
        ("days", len(daily), "days"),
        ("whole_days", int(daily["whole"].sum()), "days"),
        ("time_zone", log.time_zone, "time zone"),
        ("visitors", who.loc["visitor", "total"], "visitors"),
        ("buyers", who.loc["visitor", "buyers"], "visitors"),
        ("returning_visitors", share(returning, who.loc["visitor", "total"]), "share"),
        ("conversion_visitors", share(who.loc["visitor", "buyers"], who.loc["visitor", "total"]), "share"),
        ("sessions", who.loc["session", "total"], "sessions"),
        ("conversion_sessions", share(who.loc["session", "buyers"], who.loc["session", "total"]), "share"),
        ("sessions_single_event", share(sessions["single"], sessions["sessions"]), "share"),
        ("session_events_p95", known(sessions["events_p95"]), "events"),
        ("session_seconds_median", known(sessions["seconds_median"]), "seconds"),
        ("median_gap_seconds", known(summarise_gaps(log)["inside"]), "seconds"),
        ("peak_hour", busiest["hour"], "hour"),
        ("peak_weekday", busiest["weekday"], "weekday"),
        ("items", matched["items"], "items"),
        ("items_sold", matched["sold_items"], "items"),
        ("items_catalogue", matched["catalogue"], "items"),
        ("items_without_properties_share", unlisted, "share"),
        ("catalogue_seen_share", share(matched["listed_items"], matched["catalogue"]), "share"),
        ("gini_items", gini(log), "Gini coefficient"),
        ("top_decile_share", top_share(log), "share"),
        ("immediate_repeat_share", share(repeats["same"], repeats["following"]), "share"),
        ("bots_visitor_days", None if hidden else outliers["days"], "visitor days"),
        ("bots_events", None if hidden else outliers["events"], "events"),
    ]


def habits(steps: pd.Series, repeated: pd.DataFrame) -> list[tuple[str, float | None, str]]:
    """Return what `category_steps` and `repeat_views` say, as (name, value, unit) for chapters to quote."""
    once, several = repeated[repeated["views"] == 1], repeated[repeated["views"] > 1]

    def bought(pairs: pd.DataFrame) -> float | None:
        return float(pairs["bought"].sum() / pairs["pairs"].sum()) if pairs["pairs"].sum() else None

    return [
        ("category_same_steps", float(steps["same"] / steps["steps"]) if steps["steps"] else None, "share"),
        ("category_same_by_chance", float(steps["expected"]) if steps["steps"] else None, "share"),
        ("bought_after_one_view", bought(once), "share"),
        ("bought_after_more_views", bought(several), "share"),
    ]


def busiest_times(log: Log, daily: pd.DataFrame) -> dict[str, str | int | None]:
    """Return the busiest hour of the day (0 to 23) and the busiest weekday's name, by mean events.

    Both come from the whole days of `daily_volume` where each weekday is covered. Over a shorter log the hour
    comes from all events and the weekday is None.
    """
    hourly = hourly_volume(log, daily)
    if hourly["weekday"].nunique() == len(WEEKDAYS):
        weekday = hourly.groupby("weekday")["events"].sum().idxmax()
        return {"hour": int(hourly.groupby("hour")["events"].sum().idxmax()), "weekday": WEEKDAYS[weekday]}
    counted = log.events.group_by(hour=log.events.clock.hour()).aggregate(events=_.count()).execute()
    first = counted.sort_values(["events", "hour"], ascending=[False, True])["hour"].iloc[0]
    return {"hour": int(first), "weekday": None}
