"""The item x day panel: what is known of an item at the end of a day, and what it sold in the days after.

The engine counts events by item and day. The features then come from one walk through the calendar: each day is lived
through and written down before the next one is opened, so that a feature cannot know the future. Names say source,
statistic and window in days: `views_sum_7` = views over the seven days that end with day t.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import numpy as np
import pyarrow as pa
from ibis.backends import BaseBackend

from smartrocket.engine import keep

SOURCES = {"sales": "transaction", "addtocarts": "addtocart", "views": "view"}
LAGS = [1, 7, 14, 28]
WINDOWS = [3, 7, 14, 30]
HALF_LIFE_DAYS = 7
# Conversion starts as the shop's own and follows the item as it gathers this many views.
PRIOR_VIEWS = 20
# A boundary day counts as whole when the log covers it to within an hour.
MARGIN = timedelta(hours=1)
# Columns that no model may learn from: keys, groups to add up by, and how many whole days of the log follow, which
# nobody knows at the time; the last serves to split rows by time and to read results.
LABELS = {"itemid", "date", "days_to_end", "categoryid", "parentid"}


@dataclass(frozen=True)
class Catalogue:
    """What the shop says of its items, as tables of history; each may be empty.

    item_categories: itemid, categoryid, valid_from; item_prices: itemid, price, valid_from;
    item_availability: itemid, available, valid_from; categories: categoryid, parentid.
    """

    item_categories: ibis.Table
    item_prices: ibis.Table
    item_availability: ibis.Table
    categories: ibis.Table


@dataclass(frozen=True)
class Diary:
    """Rows in the order of their days. `day` counts days since 1970; the columns are arrays of the same length."""

    day: np.ndarray
    columns: dict[str, np.ndarray]

    def between(self, after: int, until: int) -> dict[str, np.ndarray]:
        """Return the columns of the days later than `after`, up to and with `until`."""
        start, end = np.searchsorted(self.day, [after, until], side="right")
        return {name: values[start:end] for name, values in self.columns.items()}


class WindowSums:
    """Sums over the last days for many keys at once (items, categories), kept up to date from day to day."""

    def __init__(self, keys: int, windows: list[int]):
        """Start with nothing counted. `windows` are lengths in days."""
        self.days = np.zeros((max(windows) + 1, keys), dtype=np.int32)
        self.sums = {length: np.zeros(keys, dtype=np.int32) for length in windows}
        self.today = 0

    def add(self, counts: np.ndarray) -> None:
        """Live through one day, on which each key had so many."""
        self.today += 1
        self.days[self.today % len(self.days)] = counts
        for length, total in self.sums.items():
            total += counts - self.before(length)

    def before(self, lag: int) -> np.ndarray:
        """Return the counts of the day that lies `lag` days back; 0 is today, the longest window the farthest."""
        return self.days[(self.today - lag) % len(self.days)]


class Activity:
    """What items did in one respect (sold, were viewed), up to today."""

    def __init__(self, items: int):
        """Start with items that did nothing."""
        self.windows = WindowSums(items, WINDOWS)
        self.total = np.zeros(items, dtype=np.int32)
        self.recent = np.zeros(items)
        self.last_day = np.zeros(items, dtype=np.int32)

    def add(self, day: int, counts: np.ndarray) -> None:
        """Live through one day."""
        self.windows.add(counts)
        self.total += counts
        self.recent *= 0.5 ** (1 / HALF_LIFE_DAYS)
        self.recent += counts
        self.last_day[counts > 0] = day

    def tell(self, name: str, rows: np.ndarray, day: int, age: np.ndarray) -> dict[str, np.ndarray]:
        """Return features of some items: lags, window sums and means, days since, total, recency-weighted mean."""
        features: dict[str, np.ndarray] = {
            f"{name}_lag_{lag}": np.ma.array(self.windows.before(lag)[rows], mask=age < lag) for lag in LAGS
        }
        for length, total in self.windows.sums.items():
            features[f"{name}_sum_{length}"] = total[rows]
            features[f"{name}_mean_{length}"] = (total[rows] / np.minimum(age + 1, length)).astype(np.float32)
        never = self.total[rows] == 0
        features[f"{name}_days_since"] = np.ma.array(np.int32(day) - self.last_day[rows], mask=never)
        features[f"{name}_total"] = self.total[rows]
        # The weights of the days lived so far are a geometric series; dividing by their sum makes it a mean.
        fade = 0.5 ** (1 / HALF_LIFE_DAYS)
        weights = (1 - fade ** (age + 1.0)) / (1 - fade)
        features[f"{name}_recent_{HALF_LIFE_DAYS}"] = (self.recent[rows] / weights).astype(np.float32)
        return features


class Categories:
    """What categories and their parents sold, and which category each item is in, up to today.

    One number more than there are categories stands for "unknown", and likewise for parents.
    """

    def __init__(self, items: int, ids: np.ndarray, parent_ids: np.ndarray, parent_of: np.ndarray):
        """Start with items of unknown category. `parent_of` gives each category, and unknown, its parent's number."""
        self.ids, self.parent_ids, self.parent_of = ids, parent_ids, parent_of
        self.of_item = np.full(items, len(ids))
        self.seen = np.zeros(len(ids) + 1, dtype=bool)
        self.parent_seen = np.zeros(len(parent_ids) + 1, dtype=bool)
        self.sales = WindowSums(len(ids) + 1, [7, 30])
        self.views = WindowSums(len(ids) + 1, [7])
        self.parent_sales = WindowSums(len(parent_ids) + 1, [7])

    def add(self, counts: dict[str, np.ndarray], changes: dict[str, np.ndarray]) -> None:
        """Live through one day: first the changes of category, then the day's events in them."""
        self.of_item[changes["place"]] = np.searchsorted(self.ids, changes["value"])
        category = self.of_item[counts["place"]]
        parent = self.parent_of[category]
        self.seen[category] = True
        self.parent_seen[parent] = True
        self.sales.add(add_up(category, counts["sales"], len(self.seen)))
        self.views.add(add_up(category, counts["views"], len(self.seen)))
        self.parent_sales.add(add_up(parent, counts["sales"], len(self.parent_seen)))

    def tell(self, rows: np.ndarray, item_sales_30: np.ndarray) -> dict[str, np.ndarray]:
        """Return the features of some items, missing where the category is unknown or had no event yet."""
        category = self.of_item[rows]
        parent = self.parent_of[category]
        unknown = category == len(self.ids)
        orphan = parent == len(self.parent_ids)
        quiet = unknown | ~self.seen[category]
        week, month = self.sales.sums[7][category], self.sales.sums[30][category]
        return {
            "categoryid": np.ma.array(np.append(self.ids, 0)[category], mask=unknown),
            "parentid": np.ma.array(np.append(self.parent_ids, 0)[parent], mask=orphan),
            "category_sales_sum_7": np.ma.array(week, mask=quiet),
            "category_sales_sum_30": np.ma.array(month, mask=quiet),
            "category_views_sum_7": np.ma.array(self.views.sums[7][category], mask=quiet),
            "parent_sales_sum_7": np.ma.array(
                self.parent_sales.sums[7][parent], mask=orphan | ~self.parent_seen[parent]
            ),
            "category_sales_trend_7_30": np.where(quiet, np.nan, divide(week, month * 7 / 30)).astype(np.float32),
            "category_sales_share_30": np.where(quiet, np.nan, divide(item_sales_30, month)).astype(np.float32),
        }


class Prices:
    """The items' prices and availability up to today; missing (NaN) before an item's first snapshot."""

    def __init__(self, items: int):
        """Start with nothing known."""
        self.price = np.full(items, np.nan)
        self.available = np.full(items, np.nan)
        self.past = np.full((30, items), np.nan)

    def add(self, day: int, alive: np.ndarray, prices: dict[str, np.ndarray], available: dict[str, np.ndarray]) -> None:
        """Live through one day: take over its changes; prices of items that are `alive` join their past."""
        self.price[prices["place"]] = prices["value"]
        self.available[available["place"]] = available["value"]
        self.past[day % len(self.past)] = np.where(alive, self.price, np.nan)

    def tell(self, rows: np.ndarray, day: int, category: np.ndarray, unknown: int) -> dict[str, np.ndarray]:
        """Return the features of some items, compared with each other where they share a known category."""
        price, past = self.price[rows], self.past[:, rows]
        priced = ~np.isnan(price)
        counted = np.bincount(category[priced], minlength=unknown + 1)
        mean = divide(np.bincount(category[priced], price[priced], minlength=unknown + 1), counted)
        mean[unknown] = np.nan
        own_mean = divide(np.nansum(past, axis=0), np.count_nonzero(~np.isnan(past), axis=0))
        return {
            "price": price,
            "available": whole(self.available[rows]),
            "price_to_category": divide(price, mean[category]).astype(np.float32),
            "price_to_mean_30": divide(price, own_mean).astype(np.float32),
            "price_change_7": (price - past[(day - 7) % len(past)]).astype(np.float32),
        }


def divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide, with NaN for what is divided by zero."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole != 0)


def whole(values: np.ndarray) -> np.ma.MaskedArray:
    """Return floats as int32, masked where they are missing."""
    missing = np.isnan(values)
    return np.ma.array(np.where(missing, 0, values).astype(np.int32), mask=missing)


def add_up(places: np.ndarray, counts: np.ndarray, length: int) -> np.ndarray:
    """Add counts up by place: an int32 array of the given length."""
    return np.bincount(places, counts, minlength=length).astype(np.int32)


def find_complete_days(events: ibis.Table) -> tuple[date, date]:
    """Return the first and the last UTC day that the log covers as a whole.

    A log seldom starts and ends at midnight: a first day whose events begin after 01:00, and a last day whose
    events end before 23:00, are partial. A log without a whole day gives its first and last day as they are.
    """
    ends = events.aggregate(first=events.timestamp.min(), last=events.timestamp.max()).to_pandas().iloc[0]
    first, last = ends["first"].normalize(), ends["last"].normalize()
    day = timedelta(days=1)
    whole_first = first if ends["first"] - first <= MARGIN else first + day
    whole_last = last if last + day - ends["last"] <= MARGIN else last - day
    if whole_first > whole_last:
        return first.date(), last.date()
    return whole_first.date(), whole_last.date()


def count_daily(events: ibis.Table) -> ibis.Table:
    """Count an item's events by day: itemid, date, sales (units), addtocarts, views. Days without are absent."""
    counts = {name: (events.event == kind).sum().cast("int32") for name, kind in SOURCES.items()}
    return events.group_by("itemid", date=events.timestamp.date()).agg(**counts)


def list_items(daily: ibis.Table, entry_events: list[str]) -> ibis.Table:
    """List the items: itemid, first (day of the first event), entry, place.

    `entry` is the day of the first event of a kind in `entry_events`, from which on the item belongs to the panel;
    it is missing where there is none. `place` counts 0, 1, ...: first the items of the panel, then the others.
    """
    admits = ibis.or_(*(daily[name] > 0 for name, kind in SOURCES.items() if kind in entry_events))
    items = daily.group_by("itemid").agg(first=daily.date.min(), entry=daily.date.min(where=admits))
    in_panel_first = ibis.window(order_by=[items.entry.isnull(), "itemid"])
    return items.mutate(place=ibis.row_number().over(in_panel_first))


def find_changes(history: ibis.Table, name: str, items: ibis.Table) -> ibis.Table:
    """Return what changed by the end of each day: place of the item, date, value.

    Of several changes on one day the last one holds at its end.
    """
    known = history.group_by("itemid", date=history.valid_from.date()).agg(
        value=history[name].argmax(history.valid_from)
    )
    return known.join(items, "itemid").select("place", "date", "value")


def read_diary(table: ibis.Table) -> Diary:
    """Read a table with `date` and `place` as a diary."""
    ordered = table.order_by(["date", "place"]).to_pyarrow()
    columns = {name: ordered[name].to_numpy() for name in ordered.column_names if name != "date"}
    return Diary(day_numbers(ordered["date"]), columns)


def day_numbers(dates: pa.ChunkedArray) -> np.ndarray:
    """Return dates as days since 1970."""
    return dates.cast(pa.int32()).to_numpy().astype(np.int64)


def number_day(day: date) -> int:
    """Return a date as days since 1970."""
    return (day - date(1970, 1, 1)).days


def read_categories(changes: Diary, catalogue: Catalogue, items: int) -> Categories:
    """Number the categories that items have, and their parents."""
    ids = np.unique(changes.columns["value"])
    tree = catalogue.categories.filter(catalogue.categories.parentid.notnull()).select("categoryid", "parentid")
    parents = dict(zip(*(column.to_pylist() for column in tree.to_pyarrow().columns), strict=True))
    of_category = [parents.get(category) for category in ids.tolist()]
    parent_ids = np.array(sorted({parent for parent in of_category if parent is not None}), dtype=np.int64)
    numbers = {parent: number for number, parent in enumerate(parent_ids.tolist())}
    unknown = len(parent_ids)
    parent_of = np.array([*(numbers.get(parent, unknown) for parent in of_category), unknown])
    return Categories(items, ids, parent_ids, parent_of)


class Walk:
    """A walk through the calendar of a shop: what is known of it at the end of the day that was lived last."""

    def __init__(
        self,
        itemid: np.ndarray,
        first: np.ndarray,
        entry: np.ndarray,
        categories: Categories,
        last_day: int,
    ):
        """Stand before the first day. The arrays describe the items of the panel; days are days since 1970."""
        self.itemid, self.first, self.entry, self.last_day = itemid, first, entry, last_day
        self.items = {name: Activity(len(itemid)) for name in SOURCES}
        self.shop = {name: WindowSums(1, [7, 30]) for name in ("sales", "views")}
        self.categories = categories
        self.prices = Prices(len(itemid))
        self.day = 0

    def live(self, day: int, counts: dict[str, np.ndarray], changes: dict[str, dict[str, np.ndarray]]) -> None:
        """Live through a day: `counts` of items (place, sales, addtocarts, views), `changes` of their properties."""
        self.day = day
        for name, activity in self.items.items():
            activity.add(day, spread(counts, name, len(self.itemid)))
        for name, sums in self.shop.items():
            sums.add(counts[name].sum(keepdims=True))
        self.categories.add(counts, changes["category"])
        self.prices.add(day, self.first <= day, changes["price"], changes["available"])

    def tell(self, rows: np.ndarray, targets: dict[str, np.ndarray]) -> pa.RecordBatch:
        """Write down what is known of some items at the end of the day, beside what comes after."""
        day, category = self.day, self.categories.of_item[rows]
        age = (day - self.first[rows]).astype(np.int32)
        columns = {
            "itemid": self.itemid[rows],
            "date": np.full(len(rows), day, dtype="datetime64[D]"),
            "days_to_end": np.full(len(rows), self.last_day - day, dtype=np.int32),
            "age_days": age,
            **{name: activity.windows.before(0)[rows] for name, activity in self.items.items()},
            **{name: target[rows] for name, target in targets.items()},
        }
        for name, activity in self.items.items():
            columns |= activity.tell(name, rows, day, age)
        # 1 January 1970 was a Thursday; Monday is 0.
        columns["weekday"] = np.full(len(rows), (day + 3) % 7, dtype=np.int32)
        columns |= self.tell_shop(rows)
        columns |= self.categories.tell(rows, columns["sales_sum_30"])
        columns |= self.prices.tell(rows, day, category, len(self.categories.ids))
        arrays = [pa.array(column, from_pandas=True) for column in columns.values()]
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))

    def tell_shop(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return the shop's last week, and the conversion of some items, smoothed towards the shop's."""
        sales, views = (sums.sums for sums in self.shop.values())
        of_shop = sales[30][0] / views[30][0] if views[30][0] else 0.0
        sold, viewed = (self.items[name].windows.sums[30][rows] for name in ("sales", "views"))
        conversion = (sold + PRIOR_VIEWS * of_shop) / (viewed + PRIOR_VIEWS)
        return {
            "shop_sales_sum_7": np.repeat(sales[7], len(rows)),
            "shop_views_sum_7": np.repeat(views[7], len(rows)),
            "conversion_smoothed_30": conversion.astype(np.float32),
        }


def spread(counts: dict[str, np.ndarray], name: str, length: int) -> np.ndarray:
    """Lay the counts of a day out on the places of the panel's items."""
    inside = counts["place"] < length
    laid = np.zeros(length, dtype=np.int32)
    laid[counts["place"][inside]] = counts[name][inside]
    return laid


def name_targets(ahead: list[np.ndarray | None], items: int) -> dict[str, np.ndarray]:
    """Return target (units over all the days ahead) and target_1, ...; missing where a day is not in the log."""
    sales = [np.ma.masked_all(items, dtype=np.int32) if day is None else np.ma.array(day) for day in ahead]
    total = np.ma.masked_all(items, dtype=np.int32) if ahead[-1] is None else np.ma.sum(sales, axis=0, dtype=np.int32)
    return {"target": total} | {f"target_{number}": day for number, day in enumerate(sales, start=1)}


def walk_days(
    walk: Walk, daily: Diary, histories: dict[str, Diary], days: tuple[int, int], horizon_days: int
) -> Iterator[pa.RecordBatch]:
    """Walk from the log's first day to the last complete one, and write down each complete day: one batch a day."""
    items = len(walk.itemid)
    start = min([*daily.day[:1].tolist(), days[0]])

    def sell(day: int) -> np.ndarray | None:
        return spread(daily.between(day - 1, day), "sales", items) if day <= days[1] else None

    ahead = deque((sell(start + lead) for lead in range(horizon_days)), maxlen=horizon_days)
    lived = np.iinfo(np.int32).min
    for day in range(start, days[1] + 1):
        changes = {name: history.between(lived, day) for name, history in histories.items()}
        walk.live(day, daily.between(day - 1, day), changes)
        ahead.append(sell(day + horizon_days))
        lived = day
        if day >= days[0]:
            yield walk.tell(np.flatnonzero(walk.entry <= day), name_targets(list(ahead), items))


def build_panel(
    events: ibis.Table,
    catalogue: Catalogue,
    days: tuple[date, date],
    horizon_days: int,
    entry_events: list[str],
    connection: BaseBackend,
) -> pa.RecordBatchReader:
    """Build the panel of all items, to be read once: keys, the day's counts, targets, features; by date and item.

    `days` are the first and the last complete day. A row exists from the day on which the item first had one of
    `entry_events`: choosing items by what they did later would itself be a leak. `target` counts the units of the
    next `horizon_days` days and target_1, ... those of each day; both are missing where that future is not complete.
    Every feature uses events and property snapshots up to the end of its day and nothing later: before an item's first
    snapshot its price, category and availability are missing, and nothing is carried back. The labels (see LABELS)
    are no features; `days_to_end` counts the whole days of the log that follow.
    """
    lived = events.filter(events.timestamp.date() <= days[1])
    daily = keep(count_daily(lived))
    items = keep(list_items(daily, entry_events))
    panel_items = items.filter(items.entry.notnull())
    histories = {
        "category": read_diary(find_changes(catalogue.item_categories, "categoryid", items)),
        "price": read_diary(find_changes(catalogue.item_prices, "price", panel_items)),
        "available": read_diary(find_changes(catalogue.item_availability, "available", panel_items)),
    }
    known = panel_items.order_by("place").to_pyarrow()
    numbers = (number_day(days[0]), number_day(days[1]))
    walk = Walk(
        known["itemid"].to_numpy(),
        day_numbers(known["first"]),
        day_numbers(known["entry"]),
        read_categories(histories["category"], catalogue, int(items.count().execute())),
        numbers[1],
    )
    nobody = walk.tell(np.zeros(0, dtype=np.int64), name_targets([None] * horizon_days, len(walk.itemid)))
    counts = read_diary(daily.join(items, "itemid").select("place", "date", *SOURCES))
    return pa.RecordBatchReader.from_batches(nobody.schema, walk_days(walk, counts, histories, numbers, horizon_days))


def list_features(panel: ibis.Table) -> list[str]:
    """Name the features of a panel: all its columns but the keys, the labels and the targets."""
    return [name for name in panel.columns if name not in LABELS and not name.startswith("target")]


def describe_panel(panel: ibis.Table, events: ibis.Table, days: tuple[date, date]) -> dict[str, int | str]:
    """Return the panel's size: rows, items, first_date, last_date, and how many of the shop's items it holds.

    `sales_outside` counts the units sold on an item's very first day in the panel: no forecast could know of them.
    """
    seen = events.filter(events.timestamp.date() <= days[1])
    whole = seen.filter(seen.timestamp.date() >= days[0])
    counts = panel.aggregate(
        rows=panel.count(),
        items=panel.itemid.nunique(),
        sales=panel.sales.sum().fill_null(0),
        rows_with_sales=(panel.sales > 0).sum().fill_null(0),
    )
    of_shop = seen.aggregate(shop_items=seen.itemid.nunique())
    sold = whole.aggregate(units=(whole.event == "transaction").sum().fill_null(0))
    first = panel.group_by("itemid").agg(entry=panel.date.min())
    entries = panel.join(first, [panel.itemid == first.itemid, panel.date == first.entry])
    unseen = entries.aggregate(sales_outside=entries.sales.sum().fill_null(0))
    facts = {}
    for part in (counts, of_shop, sold, unseen):
        facts |= {name: int(value) for name, value in part.to_pandas().iloc[0].items()}
    return facts | {"first_date": days[0].isoformat(), "last_date": days[1].isoformat()}
