"""The generated shop: its files, its likeness to the published figures, and what there is to learn in it."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smartrocket.generator import (
    DAY,
    HOUR_VIEWS,
    Clock,
    draw_availability,
    draw_counts,
    draw_described,
    draw_duplicates,
    draw_life_cycles,
    draw_prices,
    drift,
    generate,
    grow_categories,
    number_transactions,
    plan_visits,
    root_of,
    show_every_item,
)
from smartrocket.profiles import load_profile
from smartrocket.shop_design import ShopDesign, retailrocket_design

FILES = {
    "events.csv": "timestamp,visitorid,event,itemid,transactionid",
    "item_properties_part1.csv": "timestamp,itemid,property,value",
    "item_properties_part2.csv": "timestamp,itemid,property,value",
    "category_tree.csv": "categoryid,parentid",
}
TINY = ShopDesign(visitors=1_500, items=150, unvisited_items=30, categories=30, days=40, bots=1)
# As RetailRocket, a fiftieth of its visitors and items, with its whole tree of categories.
LIKENESS = retailrocket_design(0.02).model_copy(update={"seed": 3, "categories": 1_669})


@dataclass
class Shop:
    """A generated shop, read back. `log` has no duplicates and is ordered by visitor and time."""

    folder: Path
    rows: dict[str, int]
    events: pd.DataFrame
    properties: pd.DataFrame
    tree: pd.DataFrame

    def __post_init__(self) -> None:
        self.log = self.events.drop_duplicates().sort_values(["visitorid", "timestamp"], ignore_index=True)
        gap = self.log.groupby("visitorid").timestamp.diff()
        self.log["gap"] = gap / 1000
        self.log["session"] = (gap.isna() | (gap > 1_800_000)).cumsum()
        self.log["time"] = pd.to_datetime(self.log.timestamp, unit="ms")


def make_shop(design: ShopDesign, folder: Path) -> Shop:
    rows = generate(design, folder)
    parts = [pd.read_csv(folder / name, dtype={"property": str, "value": str}) for name in list(FILES)[1:3]]
    events, tree = pd.read_csv(folder / "events.csv"), pd.read_csv(folder / "category_tree.csv")
    return Shop(folder, rows, events, pd.concat(parts, ignore_index=True), tree)


@pytest.fixture(scope="module")
def likeness(tmp_path_factory) -> Shop:
    return make_shop(LIKENESS, tmp_path_factory.mktemp("likeness"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Shop:
    return make_shop(ShopDesign(), tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def noise(tmp_path_factory) -> Shop:
    return make_shop(ShopDesign(learnable=False), tmp_path_factory.mktemp("noise"))


def test_equal_designs_give_equal_bytes_and_seeds_differ(tmp_path):
    for name, design in {"a": TINY, "b": TINY, "c": TINY.model_copy(update={"seed": 8})}.items():
        generate(design, tmp_path / name)
    for file in FILES:
        first = (tmp_path / "a" / file).read_bytes()
        assert first == (tmp_path / "b" / file).read_bytes()
        assert first != (tmp_path / "c" / file).read_bytes()


def test_writes_four_files_with_headers_and_counted_rows(tmp_path):
    rows = generate(TINY, tmp_path / "shop")
    assert {path.name for path in (tmp_path / "shop").iterdir()} == set(FILES) == set(rows)
    for file, header in FILES.items():
        lines = (tmp_path / "shop" / file).read_text().splitlines()
        assert lines[0] == header
        assert len(lines) - 1 == rows[file]
        assert '"' not in "".join(lines[:1000])


def test_design_refuses_unknown_keys_and_impossible_values():
    with pytest.raises(ValidationError, match="visitor_count"):
        ShopDesign(visitor_count=5)
    with pytest.raises(ValidationError, match="conversion"):
        ShopDesign(conversion=0)


def test_retailrockets_design_scales():
    whole, part = retailrocket_design(), retailrocket_design(0.1)
    assert (whole.visitors, whole.items, whole.categories, whole.bots) == (1_407_580, 235_061, 1_669, 29)
    assert (part.visitors, part.items, part.categories, part.bots) == (140_758, 23_506, 167, 3)
    sizes = {"visitors", "items", "unvisited_items", "categories", "bots"}
    assert part.model_dump(exclude=sizes) == whole.model_dump(exclude=sizes)
    assert load_profile("full_size").shop.generate == whole
    with pytest.raises(ValidationError, match="visitors"):
        retailrocket_design(0.00001)


def test_purchases_in_a_row_share_a_transaction_as_often_as_designed(tmp_path):
    mean = {}
    for share in (0.0, 0.5, 1.0):
        shop = make_shop(TINY.model_copy(update={"visitors": 4_000, "joint_purchases": share}), tmp_path / str(share))
        sales = shop.log[shop.log.event == "transaction"]
        mean[share] = sales.groupby("transactionid").size().mean()
    assert mean[0.0] == 1
    assert 1.1 < mean[0.5] < mean[1.0] < 1.6


def test_sample_is_small_and_busy(sample):
    events = sample.events
    assert 135_000 < len(events) < 165_000
    assert events.itemid.nunique() == 3_000
    assert 4_000 < (events.event == "transaction").sum() < 8_000
    assert not events.timestamp.is_monotonic_increasing


def test_log_starts_and_ends_within_partial_days(sample):
    time = sample.log.time
    assert time.min() >= pd.Timestamp("2015-05-03 03:00:04")
    assert time.max() < pd.Timestamp("2015-09-18 03:00:00")
    daily = time.dt.date.value_counts().sort_index()
    assert len(daily) == 139
    assert daily.iloc[-1] < 0.4 * daily.median()


def test_ids_are_those_of_retailrocket_in_kind(sample):
    log = sample.log
    assert set(log.event) == {"view", "addtocart", "transaction"}
    assert (log.transactionid.notna() == (log.event == "transaction")).all()
    assert log.itemid.between(0, 3_399).all()
    assert log.visitorid.min() >= 0
    baskets = log.dropna(subset="transactionid").groupby("transactionid")
    assert (baskets.visitorid.nunique() == 1).all()
    assert (baskets.timestamp.agg(np.ptp) < 5_000).all()
    assert 1.1 < baskets.size().mean() < 1.6
    assert set(baskets.ngroup()) == set(range(int(log.transactionid.max()) + 1))


def test_duplicates_are_exactly_as_many_as_designed(tmp_path):
    shop = make_shop(TINY.model_copy(update={"duplicate_share": 0.01}), tmp_path)
    duplicates = shop.events[shop.events.duplicated()]
    assert len(duplicates) == round(0.01 * (len(shop.events) - len(duplicates) - count_bot_events(shop)))
    assert (duplicates.event == "view").mean() == pytest.approx(0.2, abs=0.02)
    assert make_shop(TINY.model_copy(update={"duplicate_share": 0}), tmp_path).events.duplicated().sum() == 0


def count_bot_events(shop: Shop) -> int:
    per_visitor = shop.log.groupby(["visitorid", shop.log.time.dt.date]).size()
    return int(per_visitor[per_visitor > 200].sum())


def test_bots_click_over_200_times_a_day(sample):
    per_day = sample.log.groupby(["visitorid", sample.log.time.dt.date]).size()
    assert (per_day > 200).sum() == 3


def test_visitors_are_active_as_published(likeness):
    events = likeness.log.groupby("visitorid").size()
    assert (events == 1).mean() == pytest.approx(0.7116, abs=0.025)
    assert events.mean() == pytest.approx(1.958, abs=0.15)
    assert events.quantile(0.9) in (3, 4)
    assert events.quantile(0.99) == pytest.approx(13, abs=2)
    sessions = likeness.log.session.nunique() / len(events)
    assert sessions == pytest.approx(1.2516, abs=0.04)
    lengths = likeness.log.groupby("session").size()
    assert lengths.quantile([0.5, 0.9, 0.95]).tolist() == [1, 2, 4]
    within = likeness.log.gap[likeness.log.gap < 1_800]
    assert within.median() == pytest.approx(64, rel=0.15)


def test_event_types_follow_each_other_as_published(likeness):
    log = likeness.log
    inside = log.session == log.session.shift()
    table = pd.crosstab(log.event.shift()[inside], log.event[inside], normalize="index")
    assert table.loc["view", "view"] == pytest.approx(0.942, abs=0.01)
    assert table.loc["view", "addtocart"] == pytest.approx(0.053, abs=0.01)
    assert table.loc["view", "transaction"] == pytest.approx(0.005, abs=0.002)
    assert table.loc["addtocart", "transaction"] == pytest.approx(0.242, abs=0.05)
    repeated = (log.itemid == log.itemid.shift())[inside & (log.event == "view")]
    assert 0.2 < repeated.mean() < 0.32
    acting = (log.itemid == log.itemid.shift())[inside & (log.event != "view")]
    assert acting.mean() == pytest.approx(0.77, abs=0.06)


def test_hours_and_weekdays_follow_the_published_rhythm(likeness):
    hours = likeness.log.time.dt.hour.value_counts().sort_index()
    assert np.corrcoef(hours, HOUR_VIEWS)[0, 1] > 0.98
    weekdays = likeness.log.time.dt.dayofweek.value_counts(normalize=True)
    assert weekdays[[0, 1, 2, 3]].min() > weekdays[[5, 6]].max()


def test_popularity_has_a_heavy_tail(likeness):
    per_item = likeness.log.itemid.value_counts()
    assert len(per_item) == LIKENESS.items
    assert 2 <= per_item.median() <= 5
    assert per_item.quantile(0.9) == pytest.approx(25, abs=8)
    assert per_item.quantile(0.99) == pytest.approx(143, abs=60)


def test_purchases_take_what_was_carted(sample):
    log = sample.log
    carted = log[log.event == "addtocart"].groupby(["visitorid", "itemid"]).timestamp.min().rename("carted")
    bought = log[log.event == "transaction"].join(carted, on=["visitorid", "itemid"])
    before = bought.carted < bought.timestamp
    assert before.mean() > 0.7
    # A good part of the sales comes hours or days after the cart: carts of today tell of sales of this week.
    assert ((bought.timestamp - bought.carted)[before] > 6 * 3_600_000).mean() > 0.1


def test_category_tree_is_a_tree(likeness):
    tree = likeness.tree
    assert len(tree) == 1_669
    assert tree.categoryid.is_unique
    assert tree.parentid.isna().sum() == 25
    assert tree.parentid.dropna().isin(tree.categoryid).all()
    used = likeness.properties[likeness.properties.property == "categoryid"].value.astype(int)
    assert used.isin(tree.categoryid).all()
    assert (~used.isin(tree.parentid)).mean() > 0.9


@given(number=st.integers(12, 3_000), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_categories_of_any_number_reach_a_root(number, seed):
    ids, parents = grow_categories(number, np.random.default_rng(seed))
    assert len(set(ids)) == len(ids) == len(parents) == number
    assert (parents < np.arange(number)).all()
    assert (parents[root_of(parents)] == -1).all()


@given(
    uniform=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=50),
    scale=st.floats(0.1, 5),
    largest=st.integers(1, 200),
)
def test_counts_stay_within_one_and_the_largest(uniform, scale, largest):
    counts = draw_counts(np.array(uniform), scale, 2.0, largest)
    assert counts.min() >= 1
    assert counts.max() <= largest


def test_properties_have_the_published_encoding(likeness):
    rows = likeness.properties
    assert rows[rows.property == "790"].value.str.fullmatch(r"n\d+\.000").all()
    assert (rows.value == "n0.000").any()
    assert set(rows[rows.property == "available"].value) == {"0", "1"}
    token = re.compile(r"(n?\d+(\.\d{3})?)( n?\d+(\.\d{3})?)*")
    assert rows.value.drop_duplicates().map(token.fullmatch).notna().all()
    assert rows.property.nunique() > 900
    assert rows.groupby("itemid").size().mean() == pytest.approx(48.6, rel=0.1)
    per_item = rows.property.value_counts() / rows.itemid.nunique()
    published = {"888": 7.19, "790": 4.29, "available": 3.61, "categoryid": 1.89, "6": 1.51, "202": 1.08}
    for name, expected in published.items():
        assert per_item[name] == pytest.approx(expected, rel=0.15), name


def test_snapshots_are_weekly_sundays_with_one_missing(sample):
    times = pd.to_datetime(pd.Series(sample.properties.timestamp.unique()), unit="ms").sort_values()
    assert times.iloc[0] == pd.Timestamp("2015-05-10 03:00")
    assert times.iloc[-1] == pd.Timestamp("2015-09-13 03:00")
    assert len(times) == 18
    assert pd.Timestamp("2015-06-21 03:00") not in set(times)
    assert (times.dt.dayofweek == 6).all()


def test_a_value_that_never_changes_has_one_row(sample):
    rows = sample.properties
    assert not rows.duplicated(["timestamp", "itemid", "property"]).any()
    groups = rows.groupby(["itemid", "property"]).value.agg(["size", "nunique"]).reset_index()
    never = groups["nunique"] == 1
    stock = groups.property == "available"
    assert (groups[never & ~stock]["size"] == 1).all()
    assert (groups[never & stock]["size"] > 1).any()
    assert (groups[~never]["size"] > 1).all()
    assert groups[groups.property == "categoryid"]["size"].max() > 1


def test_most_visited_items_are_described(sample):
    visited = sample.events.itemid.drop_duplicates()
    described = set(sample.properties.itemid)
    assert visited.isin(described).mean() == pytest.approx(0.788, abs=0.002)
    assert sample.events.itemid.isin(described).mean() > 0.85
    assert described - set(visited)


def next_view_hit_rates(shop: Shop) -> tuple[float, float]:
    """Return how often one of the 20 most popular items, and of the last item's followers, comes next.

    Both rules learn from the first 110 days and are judged on the days after; repeats do not count.
    """
    views = shop.log[shop.log.event == "view"]
    pairs = pd.DataFrame({"before": views.itemid.shift(), "item": views.itemid, "time": views.time})
    pairs = pairs[(views.session == views.session.shift()) & (pairs.before != pairs.item)]
    cut = views.time.min() + pd.Timedelta(days=110)
    train, test = pairs[pairs.time < cut], pairs[pairs.time >= cut]
    top = train.item.value_counts().index[:20]
    followers = train.value_counts(["before", "item"]).reset_index()
    followers = followers[followers.groupby("before").cumcount() < 20]
    known = pd.MultiIndex.from_frame(followers[["before", "item"]])
    asked = pd.MultiIndex.from_frame(test[["before", "item"]])
    return float(test.item.isin(top).mean()), float(asked.isin(known).mean())


def test_the_last_item_tells_the_next_one_where_the_shop_is_learnable(sample, noise):
    popular, following = next_view_hit_rates(sample)
    assert 0.25 < following < 0.6
    assert following > 4 * popular
    popular, following = next_view_hit_rates(noise)
    assert following < popular + 0.02


def test_the_last_two_items_tell_more_than_one(tmp_path):
    # Few items and many visitors, so that pairs of items can simply be counted.
    design = TINY.model_copy(update={"visitors": 15_000, "items": 100, "categories": 12, "engagement": 3})
    shop = make_shop(design, tmp_path)
    views = shop.log[shop.log.event == "view"]
    views = views[(views.itemid != views.itemid.shift()) | (views.session != views.session.shift())]
    steps = pd.DataFrame({"first": views.itemid.shift(2), "second": views.itemid.shift(1), "next": views.itemid})
    steps = steps[(views.session == views.session.shift(2)) & (steps["first"] != steps.next)].astype(int)
    common = steps.groupby(["first", "second"]).next.transform("size") >= 20
    train, test = steps[common].iloc[::2], steps[common].iloc[1::2]

    def hit_rate(known: list[str]) -> float:
        ranked = train.value_counts([*known, "next"]).reset_index()
        ranked = ranked[ranked.groupby(known).cumcount() == 0]
        return test.merge(ranked, on=[*known, "next"]).shape[0] / len(test)

    assert hit_rate(["first", "second"]) > 1.15 * hit_rate(["second"])


def weekly(shop: Shop, event: str) -> pd.DataFrame:
    """Return the events of a type as items x whole weeks of the log."""
    rows = shop.log[shop.log.event == event]
    week = (rows.time - pd.Timestamp("2015-05-03 03:00")).dt.days // 7
    table = pd.crosstab(rows.itemid, week)
    return table.reindex(index=range(3_400), columns=range(19), fill_value=0)


def test_views_of_a_week_tell_the_sales_of_the_next_only_where_the_shop_is_learnable(sample, noise):
    gain = {}
    for name, shop in {"sample": sample, "noise": noise}.items():
        views, sales = weekly(shop, "view").to_numpy(float), weekly(shop, "transaction").to_numpy(float)
        # Against each item's own mean: what changes from week to week.
        views = views - views.mean(axis=1, keepdims=True)
        sales = sales - sales.mean(axis=1, keepdims=True)
        gain[name] = np.corrcoef(views[:, :-1].ravel(), sales[:, 1:].ravel())[0, 1]
    assert gain["sample"] > 0.08
    assert abs(gain["noise"]) < 0.03


def test_price_cuts_sell(sample):
    prices = sample.properties[sample.properties.property == "790"]
    prices = prices.assign(price=prices.value.str[1:].astype(float))
    week = (pd.to_datetime(prices.timestamp, unit="ms") - pd.Timestamp("2015-05-03 03:00")).dt.days // 7
    table = prices.pivot_table(index="itemid", columns=week, values="price").dropna()
    table = table[(table > 0).all(axis=1)]
    relative = table.div(table.median(axis=1), axis=0)
    demand = weekly(sample, "addtocart") + weekly(sample, "transaction")
    demand = demand.reindex(index=table.index, columns=table.columns, fill_value=0)
    # The last week of the log is a part of one.
    demand, relative = demand.iloc[:, :-1], relative.iloc[:, :-1]
    cut, usual = relative < 0.85, abs(relative - 1) < 0.03
    expected = cut.mul(demand.where(usual).mean(axis=1), axis=0).sum().sum()
    assert demand.where(cut).sum().sum() > 1.25 * expected


def test_noise_sells_all_items_alike(noise):
    sales = noise.log[noise.log.event == "transaction"].itemid.value_counts()
    sales = sales.reindex(noise.log.itemid.unique(), fill_value=0)
    assert sales.var() == pytest.approx(sales.mean(), rel=0.15)


def test_rows_grow_in_proportion(tmp_path):
    small = make_shop(TINY, tmp_path / "small")
    large = TINY.model_copy(update={"visitors": 6_000, "items": 600, "unvisited_items": 120})
    rows = generate(large, tmp_path / "large")
    assert rows["events.csv"] == pytest.approx(4 * small.rows["events.csv"], rel=0.2)
    assert rows["item_properties_part1.csv"] == pytest.approx(4 * small.rows["item_properties_part1.csv"], rel=0.2)


def test_the_clock_of_a_shop():
    clock = Clock(ShopDesign())
    assert pd.Timestamp(clock.start, unit="ms") == pd.Timestamp("2015-05-03 03:00:04")
    assert pd.Timestamp(clock.end, unit="ms") == pd.Timestamp("2015-09-18 03:00:00")
    assert pd.Timestamp(clock.origin, unit="ms") == pd.Timestamp("2015-05-03 03:00:00")
    moments = np.array([clock.start, clock.start + 6 * DAY, clock.end - 1])
    assert clock.day(moments).tolist() == [0, 6, 137]
    assert clock.week(moments).tolist() == [0, 0, 19]
    busy = clock.busyness(np.random.default_rng(1))
    assert len(busy) == clock.hours
    assert (np.diff(busy) > 0).all()
    assert busy[-1] == pytest.approx(1)


def test_histories_of_items_are_of_the_designed_kind():
    rng = np.random.default_rng(2)
    noise = drift(2_000, 30, memory=0.8, spread=0.5, rng=rng)
    assert noise.std() == pytest.approx(0.5, rel=0.05)
    assert np.corrcoef(noise[:, 9], noise[:, 10])[0, 1] == pytest.approx(0.8, abs=0.03)
    born, life = draw_life_cycles(5_000, 20, rng)
    assert life.shape == (5_000, 21)
    assert (born > 0).mean() == pytest.approx(0.33 * 0.95 / 1.15, abs=0.03)
    late = born > 1.5
    assert (life[late, 0] == 0).all()
    assert np.median(life.mean(axis=1)) == pytest.approx(1, abs=0.05)
    category = rng.integers(0, 9, 5_000)
    price, discount = draw_prices(5_000, 20, category, 0.5, rng)
    moving = (discount != 1).any(axis=1)
    assert moving.mean() == pytest.approx(0.5, abs=0.03)
    assert (price[~moving] == price[~moving, :1]).all()
    assert (price == 0).all(axis=1).mean() == pytest.approx(0.003, abs=0.003)
    available = draw_availability(5_000, 4_000, 20, rng)
    assert available[:4_000].mean() == pytest.approx(0.98, abs=0.01)
    assert available[4_000:].mean() == pytest.approx(0.2, abs=0.05)
    assert (available[4_000:] == available[4_000:, :1]).all()


def test_popular_items_are_rather_described():
    score = np.random.default_rng(3).normal(size=4_000)
    described = draw_described(score, 0.788, np.random.default_rng(4))
    assert described.sum() == 4_000 - round(0.212 * 4_000)
    assert score[described].mean() > score[~described].mean() + 0.3


def test_visits_are_planned_busiest_visitor_first():
    clock = Clock(TINY)
    visits = plan_visits(TINY, clock, np.random.default_rng(5))
    assert (np.diff(visits.events) <= 0).all()
    assert (np.diff(visits.visitor) >= 0).all()
    assert visits.length.sum() == visits.events.sum()
    same = np.diff(visits.visitor) == 0
    assert (np.diff(visits.start)[same] >= 0).all()
    assert ((visits.start >= clock.start) & (visits.start < clock.end)).all()


def test_purchases_within_a_second_have_one_number():
    log = {
        "visitor": np.array([1, 1, 1, 1, 2]),
        "event": np.array([2, 2, 0, 2, 2], np.int8),
        "timestamp": np.array([0, 500, 600, 90_000, 90_100]),
    }
    numbers = number_transactions(log, np.random.default_rng(6))
    assert numbers[2] == -1
    assert numbers[0] == numbers[1]
    assert len({*numbers[[0, 3, 4]].tolist()}) == 3
    assert sorted({*numbers[[0, 3, 4]].tolist()}) == [0, 1, 2]


def test_every_item_is_seen_at_the_cost_of_popular_ones():
    log = {"item": np.repeat([0, 1], [40, 3]).astype(np.int32), "visitor": np.arange(43)}
    show_every_item(log, 5, np.random.default_rng(7))
    counts = np.bincount(log["item"], minlength=5)
    assert counts.tolist() == [37, 3, 1, 1, 1]


def test_repeated_rows_are_mostly_carts():
    log = {"item": np.arange(1_000), "event": np.repeat([0, 1], [900, 100]).astype(np.int8)}
    rows = draw_duplicates(log, 0.05, np.random.default_rng(8))
    assert len(rows) == 50
    assert (log["event"][rows] == 1).sum() == 40
    assert len(set(rows)) == 50
