"""Cleaning: from the raw files to trustworthy tables, with a ledger that accounts for every row."""

import sys

import ibis
import pandas as pd

from smartrocket.engine import BLANKS, read_whole, strip, to_timestamp
from smartrocket.errors import RowsError
from smartrocket.wording import plural

EVENT_TYPES = ["view", "addtocart", "removefromcart", "transaction"]
EVENT_ORDER = ["timestamp", "visitorid", "itemid", "event", "transactionid"]
# Letters of an event's type that have a small form: the plain ones, and Turkish, which writes VİEW for view.
# About others the engines do not agree.
CAPITALS, SMALL = "ABCDEFGHIJKLMNOPQRSTUVWXYZİı", "abcdefghijklmnopqrstuvwxyzii"
# Limits (events of a visitor on one day) of which it is shown what the bot rule would drop.
BOT_LIMITS = [100, 200, 500]
# A timestamp outside these bounds is not in milliseconds since 1970, whatever its file says.
EARLIEST, LATEST = "1990-01-01", "2100-01-01"
# Other units in which a time since 1970 may be written: how many of them are in a second.
OTHER_UNITS = {"seconds": 1, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}
# A log does not fall silent for longer: what lies beyond such a pause was stamped by a clock that is wrong.
LONGEST_SILENCE_DAYS = 366
# Some thirty years: nobody has sold on the web for longer, and every table of days is as long as the log.
LONGEST_LOG_DAYS = 11_000
DAY_MILLISECONDS = 86_400_000
# No price is higher in any currency; sums of what is would not be numbers.
HIGHEST_PRICE = 1e12
# How a number is written. What else may be cast to one is not the same in each engine.
NUMBER = rf"^n?{BLANKS}*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?{BLANKS}*\z"
# A name of an item is cut after so many characters.
LONGEST_NAME = 100
# A tree that is deeper is a chain of mistakes.
DEEPEST_LEVEL = 100


def parse_timestamps(table: ibis.Table) -> ibis.Table:
    """Turn `timestamp` from milliseconds since 1970 into a naive UTC TIMESTAMP."""
    return table.mutate(timestamp=to_timestamp(table.timestamp))


def judge_events(raw: ibis.Table, window_start: str | None, window_end: str | None) -> ibis.Table:
    """Give each raw event the first reason to drop it, or none.

    `raw` has timestamp (ms), visitorid, event, itemid, transactionid. The event's name is compared without
    regard to case and blanks, and a transaction's id only where it is one. Adds `reason` (NULL = keep). Of several
    equal rows the first stays. Window ends are dates or times (UTC); the end itself is outside.
    """
    judged = judge_rows(raw, window_start, window_end)
    copies = ibis.window(group_by=["timestamp", "visitorid", "event", "itemid", read_transaction(judged)])
    judged = judged.mutate(copy=ibis.row_number().over(copies))
    repeated = judged.reason.isnull() & (judged.copy > 0)
    return judged.mutate(reason=repeated.ifelse("exact duplicate", judged.reason)).drop("copy")


def judge_rows(raw: ibis.Table, window_start: str | None = None, window_end: str | None = None) -> ibis.Table:
    """Give each raw event the first reason to drop it for what it says itself, as `judge_events` does.

    A repeated row has none. Looks once through the log, for the stretch of time in which it lies.
    """
    # Most names are written as they should be, and need no look at their letters.
    name = raw.event.isin(EVENT_TYPES).ifelse(raw.event, read_event_type(raw.event))
    judged = raw.mutate(event=name)
    outside = ibis.literal(False)
    if window_start is not None:
        outside = outside | (judged.timestamp < milliseconds(window_start))
    if window_end is not None:
        outside = outside | (judged.timestamp >= milliseconds(window_end))
    reason = ibis.cases(
        *judge_timestamps(judged.timestamp),
        (judged.visitorid.isnull(), "no readable visitor id"),
        (judged.itemid.isnull(), "no readable item id"),
        (judged.event.isnull() | ~judged.event.isin(EVENT_TYPES), "unknown event type"),
        (outside, "outside the time window"),
    )
    judged = judged.mutate(reason=reason)
    first, last = find_span(judged.filter(judged.reason.isnull()))
    far = judged.reason.isnull() & ~judged.timestamp.between(first, last)
    return judged.mutate(reason=far.ifelse("beyond a silence of more than a year", judged.reason))


def read_event_type(event: ibis.expr.types.StringColumn) -> ibis.expr.types.StringColumn:
    """Return an event's type as it is compared: without capitals, and without blanks around it."""
    return strip(event).translate(CAPITALS, SMALL)


def judge_timestamps(timestamp: ibis.expr.types.IntegerColumn) -> list[tuple[ibis.Value, str]]:
    """Return the reasons to drop a row for its time in milliseconds, each with when it holds, for `ibis.cases`."""
    first, last = milliseconds(EARLIEST), milliseconds(LATEST)
    units = [
        (timestamp.between(first * unit // 1000, last * unit // 1000), f"timestamp in {name}")
        for name, unit in OTHER_UNITS.items()
    ]
    return [
        (timestamp.isnull(), "no readable timestamp"),
        *units,
        (~timestamp.between(first, last), "timestamp out of range"),
    ]


def find_span(events: ibis.Table) -> tuple[int, int]:
    """Return the first and last millisecond of the days in which a log lies.

    `events` has timestamp (ms). Where the log is silent for longer than `LONGEST_SILENCE_DAYS`, it lies on the side
    of that pause with more events. One event of a clock that is wrong would else stretch the log by decades. Raises
    RowsError where it is still longer than `LONGEST_LOG_DAYS`: then many clocks were wrong, each in its own way.
    """
    daily = events.group_by(day=events.timestamp // DAY_MILLISECONDS).agg(events=events.count())
    days = daily.order_by("day").to_pandas()
    if days.empty:
        return 0, 0
    stretch = (days.day.diff() > LONGEST_SILENCE_DAYS).cumsum()
    inside = days.day[stretch == days.events.groupby(stretch).sum().idxmax()]
    if inside.iloc[-1] - inside.iloc[0] > LONGEST_LOG_DAYS:
        first, last = (pd.Timestamp(day, unit="D") for day in (inside.iloc[0], inside.iloc[-1]))
        raise RowsError(
            f"the events reach from {first:%Y-%m-%d} to {last:%Y-%m-%d}, and no log is that long: in some rows the "
            "timestamp is of a clock that was wrong. Remove these rows from the file of events, then run make again."
        )
    return int(inside.iloc[0]) * DAY_MILLISECONDS, (int(inside.iloc[-1]) + 1) * DAY_MILLISECONDS - 1


def milliseconds(moment: str) -> int:
    """Return a date or time (UTC) as milliseconds since 1970. Raises ValueError when it is neither."""
    return int(pd.Timestamp(moment).timestamp() * 1000)


def judge_bots(judged: ibis.Table, bot_events_per_day: int | None) -> ibis.Table:
    """Give the events of bots a reason to drop them: visitors with more events on one UTC day than the limit.

    All events of such a visitor go. With None (the default of every profile) the rule is off.
    """
    if bot_events_per_day is None:
        return judged
    kept = judged.filter(judged.reason.isnull())
    daily = kept.group_by("visitorid", day=(kept.timestamp // DAY_MILLISECONDS)).agg(events=kept.count())
    bots = daily.filter(daily.events > bot_events_per_day).select("visitorid").distinct()
    is_bot = judged.reason.isnull() & judged.visitorid.isin(bots.visitorid)
    return judged.mutate(reason=is_bot.ifelse("bot", judged.reason))


def try_bot_limits(events: ibis.Table, limits: list[int], least: int = 1) -> pd.DataFrame:
    """Work out what the bot rule would drop with each of some limits (events of a visitor on one UTC day).

    `events` are clean. Returns a row a limit: limit, visitors, events, bought (items bought among these events),
    busiest_day (how many events each of the `least` busiest visitors has on one day, at least).
    """
    sold = events.event == "transaction"
    daily = events.group_by("visitorid", day=events.timestamp.date()).agg(events=events.count(), bought=sold.sum())
    visitors = daily.group_by("visitorid").agg(
        busiest_day=daily.events.max(), events=daily.events.sum(), bought=daily.bought.sum()
    )
    busiest = visitors.order_by(ibis.desc("busiest_day")).limit(least)
    aggregates = {"busiest_day": busiest.busiest_day.min().as_scalar().fill_null(0)}
    for limit in limits:
        beyond = visitors.busiest_day > limit
        aggregates |= {
            f"visitors_{limit}": beyond.sum().fill_null(0),
            f"events_{limit}": visitors.events.sum(where=beyond).fill_null(0),
            f"bought_{limit}": visitors.bought.sum(where=beyond).fill_null(0),
        }
    counts = visitors.aggregate(**aggregates).to_pandas().astype("int64").iloc[0]
    names = ["visitors", "events", "bought"]
    rows = [(limit, *(counts[f"{name}_{limit}"] for name in names), counts["busiest_day"]) for limit in limits]
    return pd.DataFrame(rows, columns=["limit", *names, "busiest_day"])


def keep_events(judged: ibis.Table) -> ibis.Table:
    """Return the clean events: timestamp (TIMESTAMP), visitorid, event, itemid, transactionid, in order of time.

    An id on an event that is not a transaction is taken off it; the ledger says how many there were.
    """
    kept = judged.filter(judged.reason.isnull()).drop("reason")
    return parse_timestamps(kept.mutate(transactionid=read_transaction(kept))).order_by(EVENT_ORDER)


def read_transaction(events: ibis.Table) -> ibis.expr.types.IntegerColumn:
    """Return the id of each event's transaction; missing on an event that is none, whatever stands there."""
    return (events.event == "transaction").ifelse(events.transactionid, None)


def make_ledger(judged: ibis.Table, file: str, unused: dict[str, int] | None = None) -> pd.DataFrame:
    """Account for every row of a file: file, outcome ("kept" or the reason it was dropped), rows.

    `unused` are rows of the file that were not even judged, by outcome. The rows of all outcomes add up to the rows
    of the file.
    """
    counted = judged.group_by(outcome=judged.reason.fill_null("kept")).agg(rows=judged.count()).to_pandas()
    others = pd.DataFrame([(name, rows) for name, rows in (unused or {}).items() if rows], columns=["outcome", "rows"])
    ledger = pd.concat([counted, others.astype({"rows": "int64"})])
    ledger = ledger.assign(file=file, dropped=ledger.outcome != "kept")
    ledger = ledger.sort_values(["dropped", "rows", "outcome"], ascending=[True, False, True], ignore_index=True)
    return ledger[["file", "outcome", "rows"]]


def require_events(ledger: pd.DataFrame) -> None:
    """Stop where cleaning left no event. Raises RowsError with the reasons, most frequent first."""
    if (ledger.outcome == "kept").any():
        return
    if ledger.empty:
        raise RowsError("the file of events has no row that can be read: write it anew from the shop's system.")
    reasons = ", ".join(f"{row.rows:,} as {row.outcome!r}" for row in ledger.itertuples())
    raise RowsError(
        f"of {plural(int(ledger.rows.sum()), 'row')} of the events none can be used ({reasons}): timestamps must be "
        f"milliseconds since 1970, ids whole numbers, events one of {', '.join(EVENT_TYPES)}, all within "
        "the profile's 02_cleaning: window_start and window_end. Mend the file of events, or that window."
    )


def check_transactions(judged: ibis.Table) -> dict[str, int]:
    """Count what does not fit about transaction ids among the kept events.

    Returns `transactions_without_id` (rows kept: a sale is a sale) and `ids_without_transaction` (rows kept,
    without the id).
    """
    kept = judged.filter(judged.reason.isnull())
    sale = kept.event == "transaction"
    counts = kept.aggregate(
        transactions_without_id=(sale & kept.transactionid.isnull()).sum().fill_null(0),
        ids_without_transaction=(~sale & kept.transactionid.notnull()).sum().fill_null(0),
    )
    return {name: int(value) for name, value in counts.to_pandas().iloc[0].items()}


def judge_properties(raw: ibis.Table, properties: dict[str, str]) -> ibis.Table:
    """Give each raw property row the first reason not to use it, or none.

    `raw` has timestamp (ms), itemid, property, value; `properties` maps a role (category, price, availability,
    name) to the property's name. Returns timestamp, itemid, value, `role`, `number` (of a price) and `reason` (NULL =
    used). Properties without a role are counted, not used.
    """
    role = ibis.cases(*((raw.property == name, role) for role, name in properties.items()))
    judged = raw.mutate(role=role)
    # Looking at the letters of every value would take long.
    judged = judged.mutate(number=parse_number((judged.role == "price").ifelse(judged.value, None)))
    reason = ibis.cases(
        (judged.role.isnull(), "other property"),
        *judge_timestamps(judged.timestamp),
        (judged.itemid.isnull(), "no readable item id"),
        ((judged.role == "category") & read_whole(judged.value).isnull(), "category is not a number"),
        ((judged.role == "price") & judged.number.isnull(), "price is not a number"),
        ((judged.role == "price") & (judged.number < 0), "price is negative"),
        ((judged.role == "price") & (judged.number > HIGHEST_PRICE), "price out of range"),
        ((judged.role == "availability") & ~judged.value.isin(["0", "1"]).fill_null(False), "neither 0 nor 1"),
        ((judged.role == "name") & (read_item_name(judged.value).fill_null("") == ""), "name is empty"),
    )
    return judged.mutate(reason=reason).drop("property")


def parse_number(value: ibis.expr.types.StringColumn) -> ibis.expr.types.FloatingColumn:
    """Read a number as RetailRocket writes it (`n12.000`) or plainly (`12`); anything else is missing."""
    plain = value.startswith("n").ifelse(value.substr(1), value)
    number = value.re_search(NUMBER).ifelse(plain, None).try_cast("float64")
    # Ibis finds no infinity in Spark.
    return (number.abs() <= sys.float_info.max).ifelse(number, None)


def make_history(judged: ibis.Table, role: str, value: ibis.Value, name: str) -> ibis.Table:
    """Turn the snapshots of one property into its history: itemid, `name`, valid_from, valid_to.

    A value holds from its snapshot until the next snapshot that differs (`valid_to` NULL: until further
    notice). Snapshots that repeat the value add no row. Of two values at the same moment the larger counts.
    Before an item's first snapshot its value is unknown: nothing is carried back.
    """
    rows = judged.filter((judged.role == role) & judged.reason.isnull())
    rows = rows.select(itemid=rows.itemid, timestamp=rows.timestamp, value=value)
    rows = rows.group_by("itemid", "timestamp").agg(value=rows.value.max())
    of_item = ibis.window(group_by="itemid", order_by="timestamp")
    rows = rows.mutate(before=rows.value.lag().over(of_item))
    changes = rows.filter(rows.before.isnull() | (rows.before != rows.value))
    changes = changes.mutate(valid_from=to_timestamp(changes.timestamp))
    changes = changes.mutate(valid_to=changes.valid_from.lead().over(of_item))
    history = changes.select("itemid", changes.value.name(name), "valid_from", "valid_to")
    return history.order_by(["itemid", "valid_from"])


def category_history(judged: ibis.Table) -> ibis.Table:
    """Return the category of each item over time: itemid, categoryid, valid_from, valid_to."""
    return make_history(judged, "category", read_whole(judged.value), "categoryid")


def price_history(judged: ibis.Table) -> ibis.Table:
    """Return the price of each item over time, in the shop's own unit: itemid, price, valid_from, valid_to."""
    return make_history(judged, "price", judged.number, "price")


def availability_history(judged: ibis.Table) -> ibis.Table:
    """Return whether each item was available over time: itemid, available, valid_from, valid_to."""
    return make_history(judged, "availability", judged.value == "1", "available")


def name_history(judged: ibis.Table) -> ibis.Table:
    """Return the name of each item over time: itemid, name, valid_from, valid_to."""
    return make_history(judged, "name", read_item_name(judged.value), "name")


def read_item_name(value: ibis.expr.types.StringColumn) -> ibis.expr.types.StringColumn:
    """Return a name as one line: single blanks, none around it, and no more than `LONGEST_NAME` characters."""
    return strip(value.re_replace(rf"{BLANKS}+", " ").substr(0, LONGEST_NAME))


def count_properties(raw: ibis.Table) -> pd.DataFrame:
    """Count each property's rows, items and different values, most rows first.

    Returns property, rows, items, values; the last two are estimates, to within a few percent, since counting tens
    of millions of values exactly would take most of the memory.
    """
    counts = raw.group_by("property").agg(
        rows=raw.count(), items=raw.itemid.approx_nunique(), values=raw.value.approx_nunique()
    )
    return counts.order_by([ibis.desc("rows"), "property"]).to_pandas()


def judge_categories(raw: pd.DataFrame) -> pd.DataFrame:
    """Give each row of the category tree a reason to drop it, or none (NULL): adds `reason`.

    `raw` has categoryid and parentid (missing = a root). A category listed again keeps its first row.
    """
    judged = raw.copy()
    judged["reason"] = None
    judged.loc[judged.categoryid.duplicated() & judged.categoryid.notna(), "reason"] = "category listed again"
    judged.loc[judged.categoryid.isna(), "reason"] = "no readable category id"
    return judged


def climb_tree(judged: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Work out where each category stands in the tree.

    Returns categoryid, parentid (missing for a root), level (root = 0), root, path ("root/.../id"), sorted by
    path; and the counts `orphans` (parent not in the tree: taken as roots) and `cycles` (circles of
    categories that are their own ancestors: the smallest id of each is taken as its root). Raises RowsError for a
    tree of more than `DEEPEST_LEVEL` levels.
    """
    kept = judged[judged.reason.isna()].sort_values("categoryid")
    parents = {
        int(category): None if pd.isna(parent) else int(parent)
        for category, parent in zip(kept.categoryid, kept.parentid, strict=True)
    }
    orphans = [category for category, parent in parents.items() if parent is not None and parent not in parents]
    parents.update(dict.fromkeys(orphans))
    circles = find_circles(parents)
    parents.update({min(circle): None for circle in circles})
    rows = []
    for category, parent in parents.items():
        path = climb(category, parents)
        if len(path) > DEEPEST_LEVEL:
            raise RowsError(
                f"the category tree puts category {category} more than {DEEPEST_LEVEL} levels deep: mend the parentids "
                "in its file."
            )
        rows.append((category, parent, len(path) - 1, path[0], "/".join(map(str, path))))
    # As objects: where a parent is missing, a float would stand for it, and long ids would run into each other.
    tree = pd.DataFrame(rows, columns=["categoryid", "parentid", "level", "root", "path"], dtype=object)
    tree = tree.astype({"categoryid": "int64", "parentid": "Int64", "level": "int32", "root": "int64", "path": "str"})
    return tree.sort_values("path", ignore_index=True), {"orphans": len(orphans), "cycles": len(circles)}


def find_circles(parents: dict[int, int | None]) -> list[list[int]]:
    """List the groups of categories that are, each, their own ancestor."""
    circles, settled = [], set()
    for category in parents:
        trail: dict[int, None] = {}
        step: int | None = category
        while step is not None and step not in settled and step not in trail:
            trail[step] = None
            step = parents[step]
        if step in trail:
            steps = list(trail)
            circles.append(steps[steps.index(step) :])
        settled.update(trail)
    return circles


def climb(category: int, parents: dict[int, int | None]) -> list[int]:
    """Return the path to a category, the root first; of one that lies too deep, the lower end."""
    path = [category]
    while (parent := parents[path[-1]]) is not None and len(path) <= DEEPEST_LEVEL:
        path.append(parent)
    return path[::-1]
