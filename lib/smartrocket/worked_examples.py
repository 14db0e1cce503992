"""Worked examples: one item and one session of the shop at hand, from the rows of the log to what the models read."""

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import numpy as np
import pandas as pd
from ibis.backends import BaseBackend as Backend

from smartrocket.privacy import disguise
from smartrocket.sessions import number_sessions
from smartrocket.tables import table
from smartrocket.wording import joined, number, plural, write_date

DAYS_SHOWN = 7
FEW_VIEWS, MANY_VIEWS = 3, 12
"""So many views in a week make an example that can be followed by eye."""

MOST_ROWS = 14
LENGTHS = (3, 6)
"""The shortest and the longest sequence that makes an example."""

SESSIONS_LOOKED_AT = 400

MEANINGS = {
    "views_sum_7": "views of the last 7 days, added up",
    "addtocarts_sum_7": "adds to cart of the last 7 days, added up",
    "sales_sum_7": "units sold in the last 7 days, added up",
    "sales_sum_30": "units sold in the last 30 days, added up",
    "sales_days_since": "days since the last sale",
    "views_recent_7": "mean of a day, where a day counts half as much as the day a week later",
    "weekday": "0 is Monday, 6 is Sunday",
    "shop_sales_sum_7": "units that the whole shop sold in the last 7 days",
    "conversion_smoothed_30": "units sold per view, drawn towards the shop's where views are few",
    "category_sales_sum_7": "units that the item's category sold in the last 7 days",
    "price": "the last price recorded by the end of the day",
    "price_change_7": "the price less that of 7 days before",
    "available": "1 if the last record by the end of the day says that it can be bought",
}
"""The features that the example shows, where the panel has them, and how each comes about."""


@dataclass(frozen=True)
class ItemExample:
    """An item at the end of a day: `rows` of the log, `days` (views, adds to cart, sales) and the panel's row."""

    item: int
    date: pd.Timestamp
    rows: pd.DataFrame
    days: pd.DataFrame
    features: Mapping[str, float]
    ahead: list[int]
    target: int


def find_item(panel: ibis.Table, events: ibis.Table, horizon_days: int) -> ItemExample | None:
    """Choose an item and a day that can be followed by eye; None where no row of the panel has a target.

    Days with sales before and after them come first, then those with neither few nor many views, then later ones.
    """
    known = panel.filter(panel.target.notnull())
    readable = known.views_sum_7.between(FEW_VIEWS, MANY_VIEWS)
    order = [
        ibis.desc((known.target > 0) & (known.sales_sum_7 > 0) & readable),
        ibis.desc(readable),
        ibis.desc(known.target > 0),
        ibis.desc(known.sales_sum_7 > 0),
        ibis.desc(known.date),
        known.itemid,
    ]
    found = known.order_by(order).limit(1).to_pandas()
    if found.empty:
        return None
    row = found.iloc[0]
    item, date = int(row.itemid), pd.Timestamp(row.date)
    first = date - pd.Timedelta(days=DAYS_SHOWN - 1)
    until = date + pd.Timedelta(days=1)
    own = events.filter((events.itemid == item) & (events.timestamp >= first) & (events.timestamp < until))
    rows = own.order_by(["timestamp", "visitorid", "event"]).to_pandas()
    days = panel.filter((panel.itemid == item) & panel.date.between(first.date(), date.date())).order_by("date")
    days = days.select("date", "views", "addtocarts", "sales").to_pandas()
    features = {name: float(row[name]) for name in MEANINGS if name in found and not pd.isna(row[name])}
    ahead = [int(row[f"target_{lead}"]) for lead in range(1, horizon_days + 1)]
    return ItemExample(item, date, rows, days, features, ahead, int(row.target))


def name_visitors(visitors: pd.Series) -> list[str]:
    """Give each visitor a letter, or a number where there are more than letters, in order of appearance."""
    codes, _ = pd.factorize(visitors)
    return [chr(ord("A") + code) if code < 26 else f"no. {code + 1}" for code in codes]


def write_value(value: float) -> str:
    """Write the value of a feature: whole numbers as such, others with four figures."""
    return number(value) if value == round(value) or abs(value) >= 1000 else f"{value:.4g}"


def write_item(example: ItemExample | None, is_disguised: bool = False) -> str:
    """Return the example of an item as HTML: its rows, its days, its features and its target.

    Disguised, a row tells its day and its kind only: no minute, and not which rows are of one visitor.
    """
    if example is None:
        return "<p>No item of this shop has a day whose future is known, so there is no example.</p>"
    date, horizon = write_date(example.date), len(example.ahead)
    rows = example.rows
    # The moment to the minute is enough to follow, and says less about a visitor.
    times = rows.timestamp.dt.strftime("%Y-%m-%d" if is_disguised else "%Y-%m-%d %H:%M")
    visitors = {} if is_disguised else {"visitor": name_visitors(rows.visitorid)}
    when = "day" if is_disguised else "time (UTC)"
    shown = pd.DataFrame({when: times, **visitors, "event": rows.event}).head(MOST_ROWS)
    note = "times and visitors are left out" if is_disguised else "letters stand for the visitors' numbers"
    more = len(rows) - len(shown)
    parts = [
        f"<p><strong>1 · The rows.</strong> Take item {example.item} at the end of {date}. In the "
        f"{DAYS_SHOWN} days up to then the cleaned log has {plural(len(rows), 'row')} of it.</p>",
        table(shown, f"The rows of item {example.item}; {note}").data if len(rows) else "",
        f"<p>And {plural(more, 'more row')}.</p>" if more else "",
    ]
    days = example.days.assign(date=pd.to_datetime(example.days.date).dt.strftime("%Y-%m-%d"))
    days = days.rename(columns={"date": "day", "addtocarts": "adds to cart", "sales": "units sold"})
    entered = " The item entered the panel on the first of these days." if len(days) < DAYS_SHOWN else ""
    parts += [
        "<p><strong>2 · The days.</strong> The rows are counted by day and kind. A day without any row is a row of "
        f"zeros: it happened, too.{entered}</p>",
        table(days, "The same rows, counted by day").data,
    ]
    views = " + ".join(str(int(count)) for count in example.days.views)
    features = pd.DataFrame(
        {
            "feature": list(example.features),
            "value": [write_value(value) for value in example.features.values()],
            "how it comes about": [MEANINGS[name] for name in example.features],
        }
    )
    parts += [
        f"<p><strong>3 · The features.</strong> From these days, and from what lies before them, come the numbers "
        f"that describe the item at the end of {date}. The views of the last days, for one: {views} = "
        f"{number(example.features.get('views_sum_7', 0))}.</p>",
        table(features, f"Some features of item {example.item} at the end of {date}").data,
        f"<p><strong>4 · The target.</strong> On the {plural(horizon, 'day')} that follow, the item sells "
        f"{joined([str(units) for units in example.ahead])} units, {plural(example.target, 'unit')} in all. That "
        "is what the model has to forecast. In training it is given; in the test it is kept from the model.</p>",
    ]
    return "".join(parts)


@dataclass(frozen=True)
class SessionExample:
    """A session: `rows` of the log (seconds, event, itemid, outcome), and its sequence of items (ids and numbers)."""

    start: pd.Timestamp
    rows: pd.DataFrame
    items: list[int]
    numbers: list[int]
    part: str


def find_session(
    events: ibis.Table, train: pd.DataFrame, test: pd.DataFrame, gap_minutes: int, connection: Backend
) -> SessionExample | None:
    """Choose a session whose sequence is short and whose rows show what the preparation drops; None without any.

    `train` and `test` are the sequences (sessionid, itemid, timestamp). Of the latest short ones, that one is taken
    whose rows hold the most kinds of what is dropped, a repeat above all.
    """
    part, sequences = ("test", test) if len(test) else ("training", train)
    sizes = sequences.groupby("sessionid").size()
    short = sizes[sizes.between(*LENGTHS)] if sizes.between(*LENGTHS).any() else sizes
    chosen = sequences[sequences.sessionid.isin(short.index[-SESSIONS_LOOKED_AT:])]
    if chosen.empty:
        return None
    first, last = chosen.timestamp.min(), chosen.timestamp.max()
    margin = pd.Timedelta(days=1)
    near = events.filter(events.timestamp.between(first - margin, last + margin))
    near = connection.create_table("near", number_sessions(near, gap_minutes), temp=True, overwrite=True)
    near = near.select("visitorid", "session_number", "timestamp", "event", "itemid").to_pandas()
    visit = ["visitorid", "session_number"]
    views = near[near.event == "view"]
    matched = chosen.merge(views, on=["timestamp", "itemid"]).drop_duplicates(["sessionid", "timestamp", "itemid"])
    owners = matched.groupby("sessionid")[visit].agg(["min", "max", "size"])
    whole = owners[
        (owners["visitorid", "min"] == owners["visitorid", "max"])
        & (owners["session_number", "min"] == owners["session_number", "max"])
        & (owners["visitorid", "size"] == sizes.reindex(owners.index))
    ]
    item_ids = np.unique(train.itemid.to_numpy()) if len(train) else np.unique(sequences.itemid.to_numpy())
    best, most = None, (-1, -1)
    for sessionid, owner in whole.iterrows():
        rows = near[
            (near.visitorid == owner["visitorid", "min"]) & (near.session_number == owner["session_number", "min"])
        ]
        sequence = chosen[chosen.sessionid == sessionid].sort_values(["timestamp", "itemid"])
        rows = rows.sort_values(["timestamp", "itemid"], kind="stable").reset_index(drop=True)
        outcomes = judge_rows(rows, sequence)
        dropped = {outcome for outcome in outcomes if outcome.startswith("left out")}
        merit = (len(dropped), int(len(rows) <= MOST_ROWS))
        if merit > most and len(rows) <= 2 * MOST_ROWS:
            seconds = (rows.timestamp - rows.timestamp.iloc[0]).dt.total_seconds()
            best, most = (
                SessionExample(
                    pd.Timestamp(rows.timestamp.iloc[0]),
                    rows.assign(seconds=seconds, outcome=outcomes)[["seconds", "event", "itemid", "outcome"]],
                    [int(item) for item in sequence.itemid],
                    [int(place) for place in np.searchsorted(item_ids, sequence.itemid)],
                    part,
                ),
                merit,
            )
    return best


def judge_rows(rows: pd.DataFrame, sequence: pd.DataFrame) -> list[str]:
    """Say of each row of a session what becomes of it: its place in the sequence, or why it is left out."""
    places = {(click.timestamp, click.itemid): place for place, click in enumerate(sequence.itertuples(), 1)}
    outcomes, before = [], None
    for row in rows.itertuples():
        if row.event != "view":
            outcomes.append("left out: not a view")
            continue
        place = places.pop((row.timestamp, row.itemid), None)
        if place is not None:
            outcomes.append(f"click {place}")
        elif row.itemid == before:
            outcomes.append("left out: the same item as in the view before")
        else:
            outcomes.append("left out: an item with too few clicks")
        before = row.itemid
    return outcomes


def write_session(example: SessionExample | None, is_disguised: bool = False) -> str:
    """Return the example of a session as HTML: its rows, its sequence, and what the network reads and must find.

    Disguised, its items go by letters and its day is left out.
    """
    if example is None:
        return "<p>No session of this shop is left after the preparation, so there is no example.</p>"
    rows = example.rows.head(2 * MOST_ROWS)
    every = [*rows.itemid.tolist(), *example.items]
    names = disguise(every) if is_disguised else {item: str(item) for item in every}
    day = "" if is_disguised else f" on {write_date(example.start)}"
    shown = pd.DataFrame(
        {
            "after": [f"{int(seconds) // 60}:{int(seconds) % 60:02d}" for seconds in rows.seconds],
            "event": rows.event,
            "item": rows.itemid.map(names),
            "what becomes of it": rows.outcome,
        }
    )
    items = [names[item] for item in example.items]
    sequence = " → ".join(items)
    numbers = " → ".join(str(place) for place in example.numbers)
    known = "counted from 0; items go by letters here" if is_disguised else f"{numbers}, counted from 0"
    steps = pd.DataFrame(
        {
            "input: the items so far": [" → ".join(items[:seen]) for seen in range(1, len(items))],
            "target: the next item": items[1:],
        }
    )
    kept = int(rows.outcome.str.startswith("click").sum())
    return "".join(
        [
            f"<p><strong>1 · The rows.</strong> A visit{day} left "
            f"{plural(len(rows), 'row')} in the log. {number(kept)} of them become clicks.</p>",
            table(shown, "The rows of one session, in minutes and seconds since its first").data,
            f"<p><strong>2 · The sequence.</strong> What is left, in order, is {sequence}. The network knows an item "
            f"by its place in the list of all items of the training: {known}.</p>",
            f"<p><strong>3 · Inputs and targets.</strong> The sequence asks {plural(len(steps), 'question')}. The "
            f"session is part of the {example.part}.</p>",
            table(steps, "What the network reads, and what it must find").data,
        ]
    )
