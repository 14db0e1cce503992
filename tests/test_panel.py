from dataclasses import replace
from datetime import date, timedelta
from random import Random

import ibis
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shops import FIRST_DAY, KINDS, PROPERTIES, TREE, load, make_events, random_events, random_properties
from smartrocket import cleaning
from smartrocket import panel as panel_module
from smartrocket.engine import connect, write_batches
from smartrocket.panel import (
    HALF_LIFE_DAYS,
    LAGS,
    PRIOR_VIEWS,
    SOURCES,
    WINDOWS,
    Catalogue,
    Diary,
    WindowSums,
    build_panel,
    describe_panel,
    find_complete_days,
    list_features,
)
from smartrocket.rawfiles import PROPERTIES as PROPERTY_COLUMNS

EVENTS = {
    "timestamp": "timestamp(6)",
    "visitorid": "int64",
    "event": "string",
    "itemid": "int64",
    "transactionid": "int64",
}
DAYS = 45
ENTRY = ["addtocart", "transaction"]
FIRST, LAST = date(2024, 1, 2), date(2024, 2, 14)


@pytest.fixture(scope="module")
def connection():
    return connect("500MB", 1)


def make_catalogue(connection, properties: pd.DataFrame) -> Catalogue:
    """Take snapshots the whole way: judged, made a history, looked up."""
    snapshots = load(connection, properties, PROPERTY_COLUMNS)
    judged = cleaning.judge_properties(snapshots, PROPERTIES)
    return Catalogue(
        cleaning.category_history(judged),
        cleaning.price_history(judged),
        cleaning.availability_history(judged),
        load(connection, TREE, {"categoryid": "int64", "parentid": "int64"}),
    )


def build(connection, events, properties, horizon=7, entry=ENTRY, days=(FIRST, LAST)) -> pd.DataFrame:
    catalogue = make_catalogue(connection, properties)
    reader = build_panel(load(connection, events, EVENTS), catalogue, days, horizon, entry, connection)
    return reader.read_all().to_pandas()


def random_shop(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A shop whose items appear one after the other, some never in the panel, with snapshots now and then."""
    events = random_events(seed, rows=700, days=DAYS)
    day = (events.timestamp - FIRST_DAY).dt.days
    late = (events.itemid >= 105) & (day < 4 * (events.itemid - 104))
    never = (events.itemid == 103) & events.event.isin(ENTRY)
    return events[~late & ~never], random_properties(seed, rows=160, days=DAYS)


class Naive:
    """The features by their definitions, one value at a time, from everything up to the end of a day."""

    def __init__(self, events: pd.DataFrame, properties: pd.DataFrame):
        self.days = (events.timestamp - FIRST_DAY).dt.days
        self.counts = {
            name: events[events.event == kind].groupby(["itemid", self.days]).size().to_dict()
            for name, kind in SOURCES.items()
        }
        self.active = sorted(set(zip(events.itemid, self.days, strict=True)))
        self.first = events.groupby("itemid").timestamp.min()
        self.parents = dict(zip(TREE.categoryid, TREE.parentid, strict=True))
        self.values: dict[tuple, float] = {}
        rows = properties.assign(day=pd.to_datetime(properties.timestamp, unit="ms"))
        rows["day"] = (rows.day - FIRST_DAY).dt.days
        rows["number"] = rows.value.str.removeprefix("n").astype(float)
        for row in rows.sort_values(["timestamp", "number"]).itertuples():
            for day in range(row.day, DAYS):
                self.values[row.property, row.itemid, day] = row.number

    def total(self, name: str, item: int, day: int, length: int) -> int:
        return sum(self.counts[name].get((item, past), 0) for past in range(day - length + 1, day + 1))

    def known(self, item: int, day: int, kind: str) -> float | None:
        return self.values.get((kind, item, day))

    def category(self, item: int, day: int) -> int | None:
        value = self.known(item, day, "categoryid")
        return None if value is None else int(value)

    def parent(self, category: int | None) -> int | None:
        parent = self.parents.get(category)
        return None if parent is None or pd.isna(parent) else int(parent)

    def group_total(self, name: str, group, wanted, day: int, length: int) -> int | None:
        """Sum over the items that were in a group on the day of their events; None before its first event."""
        member = [(item, past) for item, past in self.active if past <= day and group(item, past) == wanted]
        if not member:
            return None
        return sum(self.counts[name].get((item, past), 0) for item, past in member if past > day - length)

    def panel_items(self, day: int) -> list[int]:
        return sorted(
            {item for name in ("sales", "addtocarts") for (item, past), _ in self.counts[name].items() if past <= day}
        )

    def features(self, item: int, day: int) -> dict:
        age = day - (self.first[item].normalize() - FIRST_DAY).days
        found: dict = {"age_days": age, "weekday": (FIRST_DAY + pd.Timedelta(days=day)).weekday()}
        for name in SOURCES:
            found[name] = self.total(name, item, day, 1)
            for length in WINDOWS:
                found[f"{name}_sum_{length}"] = self.total(name, item, day, length)
                found[f"{name}_mean_{length}"] = self.total(name, item, day, length) / min(length, age + 1)
            found[f"{name}_total"] = self.total(name, item, day, age + 1)
            active = [past for past in range(day + 1) if self.total(name, item, past, 1)]
            found[f"{name}_days_since"] = day - active[-1] if active else None
            weights = {past: 0.5 ** ((day - past) / HALF_LIFE_DAYS) for past in range(day - age, day + 1)}
            weighted = sum(weight * self.total(name, item, past, 1) for past, weight in weights.items())
            found[f"{name}_recent_{HALF_LIFE_DAYS}"] = weighted / sum(weights.values())
            for lag in LAGS:
                found[f"{name}_lag_{lag}"] = self.total(name, item, day - lag, 1) if lag <= age else None
        return found | self.shop_features(item, day) | self.category_features(item, day) | self.prices(item, day, age)

    def shop_features(self, item: int, day: int) -> dict:
        def shop(name, length):
            return sum(self.total(name, thing, day, length) for thing in self.first.index)

        conversion = shop("sales", 30) / shop("views", 30) if shop("views", 30) else 0
        sold, viewed = self.total("sales", item, day, 30), self.total("views", item, day, 30)
        return {
            "shop_sales_sum_7": shop("sales", 7),
            "shop_views_sum_7": shop("views", 7),
            "conversion_smoothed_30": (sold + PRIOR_VIEWS * conversion) / (viewed + PRIOR_VIEWS),
        }

    def category_features(self, item: int, day: int) -> dict:
        category = self.category(item, day)
        parent = self.parent(category)
        week = month = views = above = None
        if category is not None:
            week = self.group_total("sales", self.category, category, day, 7)
            month = self.group_total("sales", self.category, category, day, 30)
            views = self.group_total("views", self.category, category, day, 7)
        if parent is not None:
            above = self.group_total(
                "sales", lambda thing, past: self.parent(self.category(thing, past)), parent, day, 7
            )
        return {
            "categoryid": category,
            "parentid": parent,
            "category_sales_sum_7": week,
            "category_sales_sum_30": month,
            "category_views_sum_7": views,
            "parent_sales_sum_7": above,
            "category_sales_trend_7_30": week / (month * 7 / 30) if month else None,
            "category_sales_share_30": self.total("sales", item, day, 30) / month if month else None,
        }

    def prices(self, item: int, day: int, age: int) -> dict:
        price, category = self.known(item, day, "790"), self.category(item, day)
        available = self.known(item, day, "available")
        past = [self.known(item, day - lag, "790") for lag in range(min(age, 29) + 1)]
        past = [value for value in past if value is not None]
        week_ago = self.known(item, day - 7, "790") if age >= 7 else None
        alike = [
            thing for thing in self.panel_items(day) if category is not None and self.category(thing, day) == category
        ]
        prices = [value for thing in alike if (value := self.known(thing, day, "790")) is not None]
        return {
            "price": price,
            "available": None if available is None else int(available),
            "price_to_category": price / np.mean(prices) if price is not None and prices else None,
            "price_to_mean_30": price / np.mean(past) if price is not None and past else None,
            "price_change_7": None if price is None or week_ago is None else price - week_ago,
        }


def test_every_feature_equals_its_definition(connection):
    events, properties = random_shop(seed=5)
    panel = build(connection, events, properties)
    naive = Naive(events, properties)
    features = list_features(load(connection, panel.head(1)))
    assert len(features) == len(set(features)) == 64
    rows = panel.sample(160, random_state=1)
    expected = pd.DataFrame(
        [naive.features(row.itemid, (row.date - FIRST_DAY.date()).days) for row in rows.itertuples()]
    )
    assert set(expected) == {*features, "categoryid", "parentid"}
    for name in expected:
        found = rows[name].to_numpy(dtype=float)
        np.testing.assert_allclose(found, expected[name].to_numpy(dtype=float), rtol=1e-5, atol=1e-6, err_msg=name)
        assert np.isfinite(found).any(), name
        assert len(set(found)) > 1, name


def test_rows_are_the_days_from_an_items_entry_on(connection):
    events, properties = random_shop(seed=6)
    panel = build(connection, events, properties)
    naive = Naive(events, properties)
    days = [(FIRST + timedelta(days=number)) for number in range((LAST - FIRST).days + 1)]
    expected = [(day, item) for day in days for item in naive.panel_items((day - FIRST_DAY.date()).days)]
    assert list(zip(panel.date, panel.itemid, strict=True)) == expected
    assert 103 not in set(panel.itemid)
    with_views = build(connection, events, properties, entry=[*ENTRY, "view"])
    assert 103 in set(with_views.itemid)
    assert len(with_views) > len(panel)


@pytest.mark.parametrize("horizon", [1, 7, 10])
def test_targets_are_the_days_ahead(connection, horizon):
    events, properties = random_shop(seed=7)
    panel = build(connection, events, properties, horizon=horizon)
    naive = Naive(events, properties)
    last = (LAST - FIRST_DAY.date()).days
    assert [name for name in panel if name.startswith("target_")] == [f"target_{day}" for day in range(1, horizon + 1)]
    for row in panel.sample(120, random_state=1).itertuples():
        day = (row.date - FIRST_DAY.date()).days
        ahead = [naive.total("sales", row.itemid, day + lead, 1) for lead in range(1, horizon + 1)]
        for lead, sold in enumerate(ahead, start=1):
            value = getattr(row, f"target_{lead}")
            assert pd.isna(value) if day + lead > last else value == sold
        assert pd.isna(row.target) if day + horizon > last else row.target == sum(ahead)
    assert panel.target.notna().any()
    assert panel.target.isna().any()


BASE = random_shop(seed=11)
MORE = random_shop(seed=12)


@pytest.fixture(scope="module")
def base_panel(connection):
    return build(connection, *BASE)


CHANGES = ["stop", "delete", "alter", "add", "replace"]
OF = ["events", "properties", "categories", "all"]


@pytest.mark.parametrize("of", OF)
@pytest.mark.parametrize("change", CHANGES)
def test_no_feature_knows_what_happens_later(connection, base_panel, change, of):
    """Whatever is changed after day t, no feature of a day up to t changes, and no row comes or goes."""
    random = Random(f"{change} {of}")
    day, seed = random.randrange(1, DAYS - 1), random.randrange(1000)
    panel = build(connection, *change_future(day, change, of, seed))
    assert find_leaks(base_panel, panel, day) == []


@pytest.mark.nightly
@settings(max_examples=200)
@given(day=st.integers(1, DAYS - 2), change=st.sampled_from(CHANGES), of=st.sampled_from(OF), seed=st.integers(0, 1000))
def test_no_feature_knows_what_happens_later_on_any_day(connection, base_panel, day, change, of, seed):
    panel = build(connection, *change_future(day, change, of, seed))
    assert find_leaks(base_panel, panel, day) == []


@pytest.mark.parametrize("change", ["delete", "alter", "add"])
def test_what_happens_later_changes_every_feature_of_later_days(connection, base_panel, change):
    """The test above would be worth nothing if its changes touched no feature at all."""
    day = 12
    panel = build(connection, *change_future(day, change, "all", seed=1))
    keys = ["date", "itemid"]
    both = base_panel.merge(panel, on=keys, suffixes=("", "_changed"))
    later = both[both.date > FIRST_DAY.date() + timedelta(days=day)]
    moved = {
        name for name in list_features(load(connection, panel.head(1))) if differ(later[name], later[f"{name}_changed"])
    }
    # Deleting what comes later makes no item older or younger, and the calendar is what it is.
    assert set(list_features(load(connection, panel.head(1)))) - moved <= {"age_days", "weekday"}


def differ(left: pd.Series, right: pd.Series) -> bool:
    return bool(((left != right) & ~(left.isna() & right.isna())).any())


def see_tomorrow(monkeypatch):
    """Let every day be lived with the events and changes of the day after it."""
    honest = Diary.between
    monkeypatch.setattr(Diary, "between", lambda diary, after, until: honest(diary, after + 1, until + 1))


def know_a_day_early(monkeypatch):
    """Let categories, prices and availabilities change a day before they do."""
    honest = panel_module.find_changes

    def early(history, name, items):
        changes = honest(history, name, items)
        return changes.mutate(date=changes.date - ibis.interval(days=1))

    monkeypatch.setattr(panel_module, "find_changes", early)


def choose_items_by_their_future(monkeypatch):
    """Let an item enter the panel with its first event of any kind, if it is ever carted or sold."""
    honest = panel_module.list_items

    def leaky(daily, entry_events):
        items = honest(daily, entry_events)
        return items.mutate(entry=ibis.ifelse(items.entry.notnull(), items["first"], items.entry))

    monkeypatch.setattr(panel_module, "list_items", leaky)


@pytest.mark.parametrize(
    ("inject", "suspects"),
    [
        (see_tomorrow, {"sales", "views_sum_7", "category_sales_sum_7", "shop_views_sum_7", "price"}),
        (know_a_day_early, {"categoryid", "price", "price_change_7", "price_to_mean_30", "available"}),
        (choose_items_by_their_future, {"rows"}),
    ],
    ids=["tomorrow's events", "properties", "choice of items"],
)
def test_a_leak_would_be_found(connection, monkeypatch, inject, suspects):
    """The proof can fail: with a leak built in on purpose, the same comparison finds it."""
    inject(monkeypatch)
    leaky = build(connection, *BASE)
    found = set()
    for day in (15, 16, 29):
        found.update(find_leaks(leaky, build(connection, *change_future(day, "stop", "all", seed=1)), day))
        if suspects <= found:
            break
    assert suspects <= found


def find_leaks(base: pd.DataFrame, panel: pd.DataFrame, day: int) -> list[str]:
    """Name the columns, but for the targets, that differ on the days up to `day`; "rows" where the rows do."""
    until = FIRST_DAY.date() + timedelta(days=day)
    left, right = (frame[frame.date <= until].reset_index(drop=True) for frame in (base, panel))
    if not left[["date", "itemid"]].equals(right[["date", "itemid"]]):
        return ["rows"]
    return [name for name in base if not name.startswith("target") and differ(left[name], right[name])]


def change_future(day: int, change: str, of: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return events and properties of the base shop with another future after the end of `day`."""
    random = np.random.default_rng(seed)
    end = FIRST_DAY + pd.Timedelta(days=day + 1)
    (events, properties), (other_events, other_properties) = BASE, MORE
    if of in ("events", "all"):
        past, later, others = (
            events[events.timestamp < end],
            events[events.timestamp >= end],
            other_events[other_events.timestamp >= end],
        )
        events = pd.concat([past, rewrite(later, others, change, random, alter_events)])
    if of != "events":
        milliseconds = int(end.timestamp() * 1000)
        future = properties.timestamp >= milliseconds
        other_future = other_properties.timestamp >= milliseconds
        if of == "categories":
            future &= properties.property == "categoryid"
            other_future &= other_properties.property == "categoryid"
        later = rewrite(properties[future], other_properties[other_future], change, random, alter_properties)
        properties = pd.concat([properties[~future], later])
    return events, properties


def rewrite(later: pd.DataFrame, others: pd.DataFrame, change: str, random: np.random.Generator, alter) -> pd.DataFrame:
    """Change the future: delete all or half of it, alter what happens in it, add to it, or take another one."""
    if change == "stop":
        return later.head(0)
    if change == "delete":
        return later[random.random(len(later)) < 0.5]
    if change == "alter":
        return alter(later, random)
    return pd.concat([later, others]) if change == "add" else others


def alter_events(later: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Give each event another item, visitor and type."""
    size = len(later)
    return later.assign(
        itemid=100 + random.integers(1, 12, size),
        visitorid=random.integers(0, 20, size),
        event=random.choice(KINDS, size),
    )


def alter_properties(later: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Give each row another item and the value of another row of its property."""
    shuffled = later.groupby("property").value.transform(lambda values: random.permutation(values.to_numpy()))
    return later.assign(itemid=100 + random.integers(1, 9, len(later)), value=shuffled)


def test_the_days_to_the_end_of_the_log_are_a_label(connection, base_panel):
    left = [(LAST - day).days for day in base_panel.date]
    assert base_panel.days_to_end.tolist() == left
    assert "days_to_end" not in list_features(load(connection, base_panel.head(1)))
    assert (base_panel.target.isna() == (base_panel.days_to_end < 7)).all()


@pytest.mark.parametrize("seed", [1, 2])
def test_order_of_rows_and_threads_change_nothing(connection, base_panel, seed):
    events, properties = BASE
    shuffled = build(
        connect("500MB", 2), events.sample(frac=1, random_state=seed), properties.sample(frac=1, random_state=seed)
    )
    pd.testing.assert_frame_equal(shuffled, base_panel, check_exact=True)


def test_a_shop_without_properties_has_the_same_columns_without_values(connection, base_panel):
    events, properties = BASE
    panel = build(connection, events, properties.head(0))
    assert panel.columns.tolist() == base_panel.columns.tolist()
    bare = [
        "categoryid",
        "parentid",
        "price",
        "available",
        "price_to_category",
        "category_sales_share_30",
        "price_change_7",
    ]
    assert panel[bare].isna().all(axis=None)
    own = [name for name in panel if name.startswith(("sales", "views", "addtocarts", "target", "shop", "age"))]
    pd.testing.assert_frame_equal(panel[own], base_panel[own])


def test_items_of_unknown_category_are_not_compared_with_each_other(connection):
    events = make_events([(0, 1, "transaction", 1), (0, 1, "transaction", 2), (0, 1, "transaction", 3)])
    start = int(FIRST_DAY.timestamp() * 1000)
    rows = [(start, item, "790", f"n{item}.000") for item in (1, 2, 3)]
    rows += [(start, item, "categoryid", "10") for item in (1, 3)]
    day = FIRST_DAY.date()
    panel = build(connection, events, pd.DataFrame(rows, columns=list(PROPERTY_COLUMNS)), days=(day, day))
    assert panel.price.tolist() == [1, 2, 3]
    np.testing.assert_allclose(panel.price_to_category, [0.5, np.nan, 1.5])


def test_the_conversion_of_a_shop_without_views_starts_from_nothing(connection):
    day = FIRST_DAY.date()
    events = make_events([(0, 1, "transaction", 1), (0, 2, "transaction", 1)])
    panel = build(connection, events, BASE[1].head(0), days=(day, day))
    assert panel.conversion_smoothed_30.tolist() == pytest.approx([2 / PRIOR_VIEWS])


@pytest.mark.parametrize(
    "events",
    [make_events([]), make_events([(0, 1, "view", 1), (1, 1, "removefromcart", 1)])],
    ids=["no event", "nothing carted or sold"],
)
def test_empty_panel_is_written_with_its_columns(connection, base_panel, tmp_path, events):
    table = load(connection, events, EVENTS)
    catalogue = make_catalogue(connection, BASE[1].head(0))
    path = tmp_path / "panel.parquet"
    day = FIRST_DAY.date()
    reader = build_panel(table, catalogue, (day, day), 7, ENTRY, connection)
    assert write_batches(reader, path) == 0
    written = pq.read_table(path)
    assert written.column_names == base_panel.columns.tolist()
    facts = describe_panel(connection.read_parquet(path), table, (day, day))
    counts = ("rows", "items", "sales", "rows_with_sales", "units", "sales_outside")
    assert {name: facts[name] for name in counts} == dict.fromkeys(counts, 0)


def test_panel_is_written_in_order_and_in_small_types(connection, base_panel, tmp_path):
    events, properties = BASE
    catalogue = make_catalogue(connection, properties)
    reader = build_panel(load(connection, events, EVENTS), catalogue, (FIRST, LAST), 7, ENTRY, connection)
    path = tmp_path / "panel.parquet"
    assert write_batches(reader, path) == len(base_panel)
    written = pq.read_table(path)
    pd.testing.assert_frame_equal(written.to_pandas(), base_panel)
    # What is not known is missing, no NaN, which engines take for the largest number.
    assert {name: written[name].null_count for name in base_panel} == base_panel.isna().sum().to_dict()
    kinds = {name: str(written.schema.field(name).type) for name in written.column_names}
    assert kinds["date"] == "date32[day]"
    wide = {name for name, kind in kinds.items() if kind in ("int64", "double")}
    assert wide == {"itemid", "categoryid", "parentid", "price"}
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_panel_is_described(connection, base_panel):
    events, _ = BASE
    table = load(connection, events, EVENTS)
    facts = describe_panel(load(connection, base_panel), table, (FIRST, LAST))
    whole = events[events.timestamp.dt.date.between(FIRST, LAST)]
    entries = base_panel.groupby("itemid").head(1)
    assert facts == {
        "rows": len(base_panel),
        "items": base_panel.itemid.nunique(),
        "sales": int(base_panel.sales.sum()),
        "rows_with_sales": int((base_panel.sales > 0).sum()),
        "shop_items": whole.itemid.nunique(),
        "units": int((whole.event == "transaction").sum()),
        "sales_outside": int(entries.sales.sum()),
        "first_date": "2024-01-02",
        "last_date": "2024-02-14",
    }
    assert facts["sales"] == facts["units"]


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        ("2024-01-01 00:30", "2024-01-05 23:30", ("2024-01-01", "2024-01-05")),
        ("2024-01-01 03:00", "2024-01-05 02:59", ("2024-01-02", "2024-01-04")),
        ("2024-01-01 00:00", "2024-01-05 22:00", ("2024-01-01", "2024-01-04")),
        ("2024-01-01 01:00", "2024-01-05 23:00", ("2024-01-01", "2024-01-05")),
        ("2024-01-01 01:01", "2024-01-05 22:59", ("2024-01-02", "2024-01-04")),
        ("2024-01-01 09:00", "2024-01-03 10:00", ("2024-01-02", "2024-01-02")),
        ("2024-01-01 09:00", "2024-01-01 10:00", ("2024-01-01", "2024-01-01")),
        ("2024-01-01 09:00", "2024-01-02 10:00", ("2024-01-01", "2024-01-02")),
    ],
)
def test_complete_days(connection, first, last, days):
    events = load(connection, make_events([(first, 1, "view", 1), (last, 1, "view", 1)]), EVENTS)
    assert tuple(day.isoformat() for day in find_complete_days(events)) == days


def test_days_are_counted_and_read_back(connection):
    events = make_events([(0, 1, "view", 5), (1, 2, "view", 5), (1500, 1, "transaction", 5), (9, 1, "addtocart", 6)])
    daily = panel_module.count_daily(load(connection, events, EVENTS))
    diary = panel_module.read_diary(daily.rename(place="itemid"))
    start = panel_module.number_day(FIRST_DAY.date())
    assert (diary.day - start).tolist() == [0, 0, 1]
    assert {name: values.tolist() for name, values in diary.columns.items()} == {
        "place": [5, 6, 5],
        "sales": [0, 0, 1],
        "addtocarts": [0, 1, 0],
        "views": [2, 0, 0],
    }
    assert diary.between(start, start + 1)["sales"].tolist() == [1]
    assert diary.between(start + 1, start + 9)["sales"].tolist() == []


def test_dividing_by_zero_is_nothing():
    np.testing.assert_array_equal(
        panel_module.divide(np.array([1.0, 0, 6]), np.array([0.0, 0, 3])), [np.nan, np.nan, 2]
    )


def test_window_sums_count_the_last_days():
    random = np.random.default_rng(3)
    counts = random.integers(0, 9, (60, 4))
    sums = WindowSums(4, [1, 7, 30])
    for day, today in enumerate(counts):
        sums.add(today)
        for length, total in sums.sums.items():
            np.testing.assert_array_equal(total, counts[max(0, day + 1 - length) : day + 1].sum(axis=0))
        if day >= 28:
            np.testing.assert_array_equal(sums.before(28), counts[day - 28])


def test_catalogue_without_tree_has_no_parents(connection, base_panel):
    events, properties = BASE
    catalogue = make_catalogue(connection, properties)
    catalogue = replace(
        catalogue, categories=load(connection, TREE.head(0), {"categoryid": "int64", "parentid": "int64"})
    )
    reader = build_panel(load(connection, events, EVENTS), catalogue, (FIRST, LAST), 7, ENTRY, connection)
    panel = reader.read_all().to_pandas()
    assert panel[["parentid", "parent_sales_sum_7"]].isna().all(axis=None)
    pd.testing.assert_series_equal(panel.category_sales_sum_7, base_panel.category_sales_sum_7)
