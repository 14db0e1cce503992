"""The log as the dashboard reads it: small enough for a browser, and exact under every filter.

Sums of a day, a category and a kind of event could be added up, but visitors, orders and active products could not:
a visitor of two days is one visitor. So the browser gets the events themselves, without visitors and exact times,
and beside them, in another order, who came on which day to which category. Both are counted anew for each filter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import numpy as np
import pandas as pd
from IPython.display import Markdown

from smartrocket.behaviour import DAY_SECONDS, EVENT_TYPES, place_in_zone, read_clock
from smartrocket.dashboard_scripts import write_script
from smartrocket.engine import read_ids
from smartrocket.panel import Catalogue
from smartrocket.wording import joined, number, plural
from smartrocket.workspace import Workspace

VIEWED, SOLD = EVENT_TYPES.index("view"), EVENT_TYPES.index("transaction")
# Two scripts: the shop as every page needs it, and what happened in it, which not every page counts.
SHOP, FACTS = "shop", "facts"


@dataclass(frozen=True)
class Numbering:
    """How the dashboard numbers a shop's items and categories.

    `items` are item ids, the busiest first; `categories` are category ids after the number 0, which stands for
    "unknown"; `parents` gives the number of each category's parent, 0 for none.
    """

    items: np.ndarray
    categories: np.ndarray
    parents: np.ndarray

    def number_items(self, ids: pd.Series) -> np.ndarray:
        """Return the numbers of items; -1 for an item without events."""
        return pd.Index(self.items).get_indexer(ids)

    def number_categories(self, ids: pd.Series) -> np.ndarray:
        """Return the numbers of categories, 0 for what is missing or unknown."""
        return pd.Index(self.categories).get_indexer(ids) + 1


def write_facts(
    events: ibis.Table,
    catalogue: Catalogue,
    item_names: ibis.Table,
    days: tuple[date, date],
    time_zone: str,
    workspace: Workspace,
) -> int:
    """Write `dashboard/shop.js` and `dashboard/facts.js`; returns the bytes of both.

    The first has the shop's days, kinds of events, items and categories; the second its events, which a page counts
    anew for each filter. `events` are the clean events, `item_names` has itemid, name and valid_from, `days` are the
    first and last whole day (UTC), `time_zone` is the zone whose clock tells hours and weekdays. An item's category and
    price are those at the event; before the first known one, the first.
    """
    frame = read_events(events, catalogue, time_zone)
    numbering = number_shop(frame, catalogue)
    first = int(frame["date"].min())
    frame = frame.assign(
        day=frame.pop("date") - first,
        item=numbering.number_items(frame.pop("itemid")),
        category=numbering.number_categories(frame.pop("categoryid")),
    )
    first_date = pd.Timestamp(0) + pd.Timedelta(days=first)
    value = {
        "first_date": f"{first_date:%Y-%m-%d}",
        "days": int(frame["day"].max()) + 1,
        "whole_days": [(pd.Timestamp(day) - first_date).days for day in days],
        "time_zone": time_zone,
        "events": list(EVENT_TYPES),
        "has_prices": bool(frame["price"].notna().any()),
        "has_orders": bool(frame["transactionid"].notna().any()),
    }
    names = name_items(item_names, numbering)
    if names:
        value["item_names"] = names
    # Of each item at its last event; the events are in order of time here.
    last = frame.groupby("item")["category"].last().to_numpy()
    size = write_script(workspace, SHOP, value, list_items(frame, last, numbering))
    return size + write_script(workspace, FACTS, {}, list_events(frame, last) | list_visits(frame))


def read_events(events: ibis.Table, catalogue: Catalogue, time_zone: str) -> pd.DataFrame:
    """Return the events in order of time: visitorid, itemid, transactionid, categoryid and price at the event (missing
    where never known), `date` (days since 1970, UTC), `cell`, the hour of the week by the clock of `time_zone`
    (0 = Monday, midnight to one), and `kind`, the event's number among EVENT_TYPES.
    """
    clock = read_clock(time_zone, place_in_zone("UTC", events.timestamp))
    timed = events.mutate(
        # Numbers, not texts and times: of millions of rows each byte counts.
        date=(events.timestamp.date().epoch_seconds() // DAY_SECONDS).cast("int32"),
        cell=(clock.day_of_week.index() * 24 + clock.hour()).cast("int16"),
        kind=events.event.cases(*((name, number) for number, name in enumerate(EVENT_TYPES))).cast("int8"),
    )
    known = look_up(timed, catalogue.item_categories, "categoryid")
    known = look_up(known, catalogue.item_prices, "price")
    columns = ["visitorid", "itemid", "transactionid", "categoryid", "price", "date", "cell", "kind"]
    return read_ids(known.order_by(["timestamp", "visitorid", "itemid", "kind", "transactionid"]).select(*columns))


def look_up(events: ibis.Table, history: ibis.Table, name: str) -> ibis.Table:
    """Add to each event the value that its item had then; before the first known value, that one."""
    first = history.valid_from.min().over(ibis.window(group_by="itemid"))
    since = ibis.ifelse(history.valid_from == first, ibis.timestamp("1900-01-01"), history.valid_from)
    known = history.select("itemid", name, since=since)
    joined = events.asof_join(known, on=events.timestamp >= known.since, predicates="itemid")
    return joined.select(events, known[name])


def number_shop(frame: pd.DataFrame, catalogue: Catalogue) -> Numbering:
    """Number items by how busy they are, and categories by their place in the tree."""
    items = frame.groupby("itemid").size().reset_index(name="events")
    items = items.sort_values(["events", "itemid"], ascending=[False, True])
    tree = read_ids(catalogue.categories.select("categoryid", "parentid").order_by("categoryid"))
    stray = sorted(set(frame["categoryid"].dropna().astype("int64")) - set(tree["categoryid"]))
    ids = np.array([*tree["categoryid"], *stray], dtype=np.int64)
    parents = np.zeros(len(ids), dtype=np.int64)
    parents[: len(tree)] = pd.Index(ids).get_indexer(tree["parentid"]) + 1
    return Numbering(items["itemid"].to_numpy(dtype=np.int64), ids, parents)


def name_items(item_names: ibis.Table, numbering: Numbering) -> list[str]:
    """Return the last name of each item, empty where it has none; an empty list where no item has one."""
    last = item_names.group_by("itemid").agg(name=item_names.name.argmax(item_names.valid_from)).to_pandas()
    names = dict(zip(last["itemid"], last["name"], strict=True))
    named = [names.get(item, "") for item in numbering.items.tolist()]
    return named if any(named) else []


def list_items(frame: pd.DataFrame, last: np.ndarray, numbering: Numbering) -> dict[str, np.ndarray]:
    """Return the columns of the items, whose last categories are `last`, and of the categories.

    item_id, item_category (the last one), item_views and item_units (viewed and sold in all); category_id and
    category_parent: the categories but for number 0, and the numbers of their parents.
    """

    def count(kind: int) -> np.ndarray:
        return np.bincount(frame["item"][frame["kind"] == kind], minlength=len(numbering.items))

    return {
        "item_id": numbering.items,
        "item_category": last,
        "item_views": count(VIEWED),
        "item_units": count(SOLD),
        "category_id": numbering.categories,
        "category_parent": numbering.parents,
    }


def list_events(frame: pd.DataFrame, last: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of the events, in order of day, hour of the week, item and kind.

    slot_day, slot_cell, slot_rows: each hour with events and how many. fact_item, fact_kind: a row an event.
    other_row, other_category: the events whose category was another one than their item's `last`.
    sold_price, sold_order: of the events that are sales, in their order; a sale without an order is its own.
    """
    frame = frame.sort_values(["day", "cell", "item", "kind"], kind="stable", ignore_index=True)
    starts = (frame["day"].diff() != 0) | (frame["cell"].diff() != 0)
    slots = frame[starts]
    other = np.flatnonzero(frame["category"] != last[frame["item"]])
    sold = frame[frame["kind"] == SOLD]
    orders = sold["transactionid"].astype("string").fillna("row " + sold.index.to_series().astype("string"))
    return {
        "slot_day": slots["day"].to_numpy(),
        "slot_cell": slots["cell"].to_numpy(),
        "slot_rows": np.diff(np.append(slots.index.to_numpy(), len(frame))),
        "fact_item": frame["item"].to_numpy(),
        "fact_kind": frame["kind"].to_numpy(),
        "other_row": other,
        "other_category": frame["category"].to_numpy()[other],
        "sold_price": sold["price"].to_numpy(dtype=np.float64),
        "sold_order": pd.factorize(orders)[0],
    }


def list_visits(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return who came when: a row for each visitor, day, category and kind of event that occurred together.

    Rows of one visitor follow each other; visit_new is 1 in the first of them. The visitors stand in the order of
    their first row, which says nothing about who they are.
    """
    keys = ["day", "category", "kind"]
    visits = frame[["visitorid", *keys]].drop_duplicates().sort_values(["visitorid", *keys], ignore_index=True)
    begins = ~visits["visitorid"].duplicated()
    firsts = visits[begins].sort_values([*keys, "visitorid"])
    place = pd.Series(np.arange(len(firsts)), index=firsts["visitorid"])
    order = np.lexsort((visits.index, place.loc[visits["visitorid"]].to_numpy()))
    visits, begins = visits.iloc[order], begins.iloc[order]
    return {"visit_new": begins.to_numpy().astype(np.uint8), **{f"visit_{key}": visits[key].to_numpy() for key in keys}}


def describe_sizes(sizes: Mapping[str, int], events: ibis.Table) -> Markdown:
    """Say how large the scripts are: `sizes` has the bytes of each part, the log's own first."""
    count = int(events.count().execute())
    megabytes = [f"{name} {number(size / 1e6, 2)} MB" for name, size in sizes.items()]
    each = number(next(iter(sizes.values())) / max(count, 1), 1)
    return Markdown(f"The dashboard carries {joined(megabytes)}: {each} bytes for each of {plural(count, 'event')}.")
