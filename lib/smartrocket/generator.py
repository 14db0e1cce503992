"""A made-up shop in the RetailRocket file format: click log, item properties and category tree.

The shop is calibrated to published aggregates of the RetailRocket data set, and it carries structure that
models can learn: visitors have tastes, items have neighbours that sessions move through in one direction,
items are born and decline, weeks have a rhythm, and price cuts sell. No row in it is anybody's data.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator, SeedSequence, default_rng
from pyarrow import csv

from smartrocket.files import replacing
from smartrocket.shop_design import ShopDesign

HOUR = 3_600_000
DAY = 24 * HOUR
WEEK = 7 * DAY

EVENTS = ("view", "addtocart", "transaction")
VIEW, CART, BUY = 0, 1, 2

# Published totals of RetailRocket by UTC hour and by weekday (Monday first): views in thousands, addtocarts
# and transactions in tens. Their ratios say when people look, and when they buy what they look at.
# fmt: off
HOUR_VIEWS = np.array([
    139, 136, 142, 147, 143, 116, 75, 43, 25, 17, 16, 20,
    31, 50, 80, 125, 156, 173, 174, 176, 181, 178, 170, 154,
])
HOUR_CARTS = np.array([
    373, 358, 334, 327, 314, 279, 180, 103, 54, 40, 31, 39,
    65, 111, 184, 323, 434, 504, 497, 509, 522, 489, 472, 392,
])
HOUR_BUYS = np.array([
    112, 104, 101, 84, 75, 75, 48, 28, 11, 7, 6, 8,
    10, 22, 46, 114, 162, 200, 191, 189, 182, 183, 160, 131,
])
# fmt: on
WEEKDAY_VIEWS = np.array([424.6, 431.5, 415.6, 404.1, 367.2, 296.5, 324.9])
WEEKDAY_CARTS = np.array([1137, 1158, 1138, 1095, 954, 695, 755])
WEEKDAY_BUYS = np.array([385, 397, 415, 375, 293, 181, 200])

# Share of the category tree at each level, roots first, and the share of a level that has children.
LEVEL_SHARES = np.array([0.015, 0.104, 0.421, 0.398, 0.054, 0.008])
PARENT_SHARES = np.array([1.0, 0.8, 0.27, 0.055, 0.08])

# Properties that every described item has: name, kind of value, share of items whose value changes.
TEXT_PROPERTIES = (
    ("888", "text", 0.455),
    ("6", "word", 0.038),
    ("283", "long", 0.032),
    ("776", "word", 0.028),
    ("678", "word", 0.011),
    ("364", "word", 0.010),
    ("202", "word", 0.0055),
)
PRICE_PROPERTY = "790"
PRICE_STEP = 12
# The first part of RetailRocket's item properties holds this share of the rows.
FIRST_PART = 10_999_999 / 20_275_902

# How sessions move: shares fitted to the published transition table and to repeats in view sequences.
REPEAT_VIEW = 0.25
RETURN_VIEW = 0.17
REPEAT_AFTER_CART = 0.46
WANDER = 0.25
TURN = 0.06
OPENING_CART = 0.08
MATCHING_SESSIONS = 0.3
STEP = 0.45

BLOCK_ROWS = 1_000_000


@dataclass
class Catalogue:
    """The items of a shop. Rows 0 to `items` - 1 are visited and ordered by category; the rest is unvisited.

    Weekly arrays have one column for each week from `Clock.origin` on, the last Sunday 03:00 UTC before the
    log starts.
    """

    itemid: np.ndarray
    category: np.ndarray
    later_category: np.ndarray
    category_change: np.ndarray
    described: np.ndarray
    first_snapshot: np.ndarray
    price: np.ndarray
    available: np.ndarray
    popularity: np.ndarray
    attention: np.ndarray
    desire: np.ndarray
    shelf: np.ndarray
    partner: np.ndarray


@dataclass
class Visits:
    """Sessions before their items are known. Visitors are ordered by their number of events, most first."""

    visitor: np.ndarray
    length: np.ndarray
    start: np.ndarray
    events: np.ndarray


def generate(design: ShopDesign, folder: Path | str) -> dict[str, int]:
    """Write the four files of a shop to `folder`, and return the number of rows of each.

    The files have the names, headers and encodings of the RetailRocket data set: events.csv (timestamp in
    milliseconds, visitorid, event, itemid, transactionid), item_properties_part1.csv and
    item_properties_part2.csv (timestamp, itemid, property, value), category_tree.csv (categoryid, parentid).
    Equal designs give equal bytes. Each file appears whole or not at all.
    """
    folder = Path(folder)
    seeds = SeedSequence(design.seed).spawn(5)
    tree_rng, item_rng, visit_rng, event_rng, property_rng = (default_rng(seed) for seed in seeds)
    clock = Clock(design)
    categories, parents = grow_categories(design.categories, tree_rng)
    catalogue = stock_items(design, clock, categories, parents, item_rng)
    rows = {"category_tree.csv": write_categories(categories, parents, tree_rng, folder / "category_tree.csv")}
    rows |= write_properties(design, clock, catalogue, property_rng, folder)
    visits = plan_visits(design, clock, visit_rng)
    events = walk_visits(design, clock, catalogue, visits, event_rng)
    rows["events.csv"] = write_events(events, folder / "events.csv")
    return rows


class Clock:
    """The times of a shop in milliseconds since 1970, UTC, and how busy each of its hours is."""

    def __init__(self, design: ShopDesign) -> None:
        """Set the first and last moment of the log, its weeks, and the Sundays on which properties are noted."""
        start = design.start
        start = start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)
        self.start = round(start.timestamp() * 1000)
        # RetailRocket is cut at 03:00 UTC sharp: the log ends at the full hour, a few seconds early.
        self.end = self.start // HOUR * HOUR + design.days * DAY
        sunday = start - timedelta(days=(start.weekday() + 1) % 7)
        origin = round(sunday.replace(hour=3, minute=0, second=0, microsecond=0).timestamp() * 1000)
        self.origin = origin if origin <= self.start else origin - WEEK
        self.weeks = int((self.end - self.origin) // WEEK) + 1
        snapshots = np.arange(1, (self.end - 1 - self.origin) // WEEK + 1)
        # One weekly snapshot is missing, as the seventh is at RetailRocket.
        self.snapshots = snapshots[snapshots != 7]
        self.first_hour = self.start // HOUR
        self.hours = int(-(-self.end // HOUR) - self.first_hour)

    def week(self, time: np.ndarray) -> np.ndarray:
        """Return the week of each time, counted from the origin."""
        return np.clip((time - self.origin) // WEEK, 0, self.weeks - 1).astype(np.int16)

    def day(self, time: np.ndarray) -> np.ndarray:
        """Return the day of each time, in blocks of 24 hours from the start."""
        return ((time - self.start) // DAY).astype(np.int16)

    def busyness(self, rng: Generator) -> np.ndarray:
        """Return the share of first visits that each hour of the log receives, summed up to 1."""
        hour = self.first_hour + np.arange(self.hours)
        day = hour // 24
        calendar_days = np.exp(drift(1, int(day[-1] - day[0]) + 1, 0.7, 0.08, rng))[0]
        # Visitors who return add to later days; fewer newcomers keep the traffic level.
        newcomers = 0.88 + 0.24 * np.exp(-np.arange(self.hours) / (0.15 * self.hours))
        weight = HOUR_VIEWS[hour % 24] * WEEKDAY_VIEWS[weekday(day)] * calendar_days[day - day[0]] * newcomers
        total = np.cumsum(weight)
        return total / total[-1]


def weekday(day: np.ndarray) -> np.ndarray:
    """Return the weekday (Monday is 0) of days counted from 1970-01-01, a Thursday."""
    return (day + 3) % 7


def grow_categories(number: int, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids of a category tree and the position of each one's parent, -1 for a root.

    Categories are ordered by level, roots first.
    """
    sizes = np.maximum(np.round(LEVEL_SHARES * number), [2, 3, 3, 1, 0, 0]).astype(int)
    sizes[2] += number - sizes.sum()
    parents = np.full(number, -1)
    first = 0
    for level, size in enumerate(sizes[1:], start=1):
        above = sizes[level - 1]
        fertile = max(1, round(above * PARENT_SHARES[level - 1])) if above else 0
        chance = rng.lognormal(0, 0.7, fertile)
        start = first + above
        parents[start : start + size] = first + rng.choice(fertile, size, p=chance / chance.sum())
        first = start
    ids = np.sort(rng.permutation(int(number * 1.018))[:number])
    return rng.permutation(ids), parents


def root_of(parents: np.ndarray) -> np.ndarray:
    """Return the position of the root above each category."""
    root = np.where(parents < 0, np.arange(len(parents)), parents)
    for _ in range(len(LEVEL_SHARES)):
        root = np.where(parents[root] < 0, root, parents[root])
    return root


def stock_items(
    design: ShopDesign, clock: Clock, categories: np.ndarray, parents: np.ndarray, rng: Generator
) -> Catalogue:
    """Return the items of a shop with their categories, prices, life cycles and popularity, week by week."""
    visited, total, weeks = design.items, design.items + design.unvisited_items, clock.weeks
    leaves = np.setdiff1d(np.arange(len(parents)), parents)
    inner = np.setdiff1d(np.arange(len(parents)), leaves)
    # A quarter of the tree is empty: most leaves have items, few inner categories do.
    leaves = rng.choice(leaves, round(0.88 * len(leaves)), replace=False)
    inner = rng.choice(inner, max(1, round(0.25 * len(inner))), replace=False)
    size = rng.lognormal(0, 1.5, len(leaves))
    category = rng.choice(leaves, total, p=size / size.sum())
    category = np.where(rng.random(total) < 0.04, rng.choice(inner, total), category)
    category[:visited].sort()
    moves = rng.random(total) < 0.065
    later = np.where(moves, rng.choice(leaves, total), category)

    born, life = draw_life_cycles(visited, weeks, rng)
    weeks_with_snapshot = np.append(clock.snapshots, weeks)
    first = np.zeros(total, int)
    first[:visited] = np.searchsorted(weeks_with_snapshot, born)
    late = rng.random(design.unvisited_items) < 0.4
    first[visited:] = np.where(late, rng.integers(0, len(clock.snapshots), len(late)), 0)

    price, discount = draw_prices(total, weeks, category, design.price_changes, rng)
    available = draw_availability(total, visited, weeks, rng)
    available[:visited] &= life[:, :-1] > 0.02

    score = rng.normal(0, 1, visited)
    # The head of the distribution is flatter than a lognormal one: no item draws one click in a hundred.
    popularity = np.exp(design.popularity_spread * np.where(score > 2, 1 + score / 2, score))
    described = np.ones(total, bool)
    described[:visited] = draw_described(score, design.described_items, rng)

    shelf = category[:visited]
    attention = np.ones((visited, weeks + 1), np.float32)
    desire = np.ones((visited, weeks), np.float32)
    if design.learnable:
        # A level that drifts from week to week: an item's own, and its category's.
        interest = drift(visited, weeks + 1, 0.85, 0.45, rng)
        fashion = drift(len(parents), weeks + 1, 0.85, 0.25, rng)[shelf]
        cut = -np.pad(np.log(discount[:visited]), ((0, 0), (0, 1)), mode="edge")
        attention = life * np.exp(interest + fashion + 0.6 * cut)
        attention *= np.where(np.pad(available[:visited], ((0, 0), (0, 1)), mode="edge"), 1, 0.5)
        appeal = rng.normal(0, 0.5, visited) + 0.25 * score
        mood = drift(len(parents), weeks, 0.8, 0.2, rng)[shelf]
        desire = np.exp(appeal[:, None] + 0.5 * interest[:, :weeks] + mood + 2.5 * np.minimum(cut[:, :weeks], 0.5))
        share = popularity[:, None] * attention[:, :weeks]
        desire *= available[:visited]
        desire /= (share * desire).sum() / share.sum()
    # Items of one root category stand in a second order, in which things that go together are neighbours.
    partner = np.lexsort((rng.random(visited), root_of(parents)[shelf]))
    return Catalogue(
        itemid=rng.permutation(total).astype(np.int32),
        category=categories[category],
        later_category=categories[later],
        category_change=rng.integers(1, max(2, len(clock.snapshots)), total),
        described=described,
        first_snapshot=np.minimum(first, len(clock.snapshots) - 1),
        price=price,
        available=available,
        popularity=popularity,
        attention=attention.astype(np.float32),
        desire=desire.astype(np.float32),
        shelf=shelf.astype(np.int32),
        partner=partner.astype(np.int32),
    )


def drift(rows: int, weeks: int, memory: float, spread: float, rng: Generator) -> np.ndarray:
    """Return autoregressive series around 0 (rows x weeks) with the given correlation and deviation."""
    noise = rng.normal(0, spread, (rows, weeks)).astype(np.float32)
    for week in range(1, weeks):
        noise[:, week] = memory * noise[:, week - 1] + np.sqrt(1 - memory**2) * noise[:, week]
    return noise


def draw_life_cycles(items: int, weeks: int, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return each item's week of birth, and its level at the start of each week, with a mean near 1.

    A third of the items appears during the log and fades, a tenth ends, the others have a slow trend.
    """
    week = np.arange(weeks + 1, dtype=np.float32)
    kind = rng.random((items, 1))
    moment = rng.uniform(-0.2, 0.95, (items, 1)) * weeks
    fading = rng.uniform(5, 25, (items, 1))
    age = week - moment
    rising = np.where(age > 0, (1 - np.exp(-age - 0.3)) * np.exp(-age / fading), 0)
    ending = 1 / (1 + np.exp(np.clip(2 * age, -30, 30)))
    trend = np.exp(rng.normal(0, 0.7, (items, 1)) * (week / weeks - 0.5))
    life = np.where(kind < 0.33, rising, np.where((kind < 0.43) & (moment > 2), ending, trend)).astype(np.float32)
    life /= np.maximum(life.mean(axis=1, keepdims=True), 0.15)
    born = np.where(kind < 0.33, np.maximum(moment, 0), 0)[:, 0]
    return born, life


def draw_prices(
    items: int, weeks: int, category: np.ndarray, changing: float, rng: Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return prices in steps of 12 units (items x weeks), and the price relative to the item's usual one."""
    level = rng.normal(6.0, 0.9, category.max() + 1)[category]
    usual = np.clip(np.exp(rng.normal(level, 0.6)), 20, 19_000).astype(np.float32)
    usual[rng.random(items) < 0.003] = 0
    discount = np.ones((items, weeks), np.float32)
    moving = np.flatnonzero((rng.random(items) < changing) & (usual > 0))
    promotion = np.ones((len(moving), weeks), np.float32)
    for length in (1, 2, 3):
        depth = np.where(rng.random(promotion.shape) < 0.03, rng.uniform(0.1, 0.4, promotion.shape), 0)
        for week in range(length):
            np.minimum(promotion[:, week:], 1 - depth[:, : weeks - week], out=promotion[:, week:])
    revision = rng.normal(0, 0.08, len(moving))[:, None] * (np.arange(weeks) > rng.uniform(0, weeks, (len(moving), 1)))
    discount[moving] = promotion * np.exp(revision)
    return np.round(usual[:, None] * discount).astype(np.int32), discount


def draw_availability(items: int, visited: int, weeks: int, rng: Generator) -> np.ndarray:
    """Return whether each item can be bought in each week (items x weeks)."""
    available = np.ones((items, weeks), bool)
    available[visited:] = rng.random((items - visited, 1)) < 0.2
    out_of_stock = rng.random((visited, weeks)) < 0.008
    out_of_stock[:, 1:] |= out_of_stock[:, :-1] & (rng.random((visited, weeks - 1)) < 0.6)
    available[:visited] = ~out_of_stock
    return available


def draw_described(score: np.ndarray, share: float, rng: Generator) -> np.ndarray:
    """Return which items have properties: a share of them, rather the more popular ones (higher score)."""
    missing = round((1 - share) * len(score))
    luck = rng.gumbel(size=len(score)) - 0.8 * score
    described = np.ones(len(score), bool)
    described[np.argsort(-luck, kind="stable")[:missing]] = False
    return described


def draw_counts(uniform: np.ndarray, scale: np.ndarray | float, power: float, largest: int) -> np.ndarray:
    """Return whole numbers from 1 with a Lomax (heavy) tail: P(n > k) = (1 + k / scale) ** -power, capped."""
    tail = scale * (np.maximum(uniform, 1e-12) ** (-1 / power) - 1)
    return np.minimum(1 + np.floor(tail), largest).astype(np.int32)


def plan_visits(design: ShopDesign, clock: Clock, rng: Generator) -> Visits:
    """Return the sessions of all visitors: when each one starts and how many events it has.

    Sessions are ordered by visitor and time. The numbers of sessions and events follow heavy tails that were
    fitted to RetailRocket: of its visitors 71 % have one event.
    """
    sessions = draw_counts(rng.random(design.visitors), 0.98 * design.engagement, 2.6, 120)
    visitor = np.repeat(np.arange(design.visitors, dtype=np.int32), sessions)
    keen = sessions[visitor] > 1
    scale = np.where(keen, 1.22, 0.70) * design.engagement
    length = draw_counts(rng.random(len(visitor)), scale, 1.95, 120)

    busyness = clock.busyness(rng)
    first_session = np.concatenate([[0], np.cumsum(sessions)[:-1]])
    hours = draw_hours(busyness, rng.random(design.visitors), rng)
    # Hours until the next session.
    pause = np.maximum(np.exp(rng.normal(3.75, 2.5, len(visitor))), 0.6)
    pause[first_session] = 0
    elapsed = np.cumsum(pause)
    elapsed -= elapsed[first_session][visitor]
    later = hours[visitor] + elapsed
    # A long pause ends at a usual hour of the day, and so does a short one that would end at an unusual hour.
    offset = clock.first_hour % 24
    awake = HOUR_VIEWS[((later + offset) % 24).astype(int)] / HOUR_VIEWS.max()
    moved = (pause > 12) | (rng.random(len(visitor)) > awake)
    usual_hours = np.cumsum(HOUR_VIEWS) / HOUR_VIEWS.sum()
    usual = np.searchsorted(usual_hours, rng.random(len(visitor)), side="right") + rng.random(len(visitor))
    later = np.where(moved, (later + offset) // 24 * 24 - offset + usual, later)
    later[first_session] = hours
    start = clock.first_hour * HOUR + (np.minimum(later, clock.hours + 1) * HOUR).astype(np.int64)
    start[first_session] = np.clip(start[first_session], clock.start, clock.end - 1)
    # Who would return after the end of the log is not seen again.
    inside = (start >= clock.start) & (start < clock.end)
    visitor, length, start = visitor[inside], length[inside], start[inside]

    events = np.bincount(visitor, weights=length, minlength=design.visitors).astype(np.int64)
    rank = np.empty(design.visitors, np.int32)
    rank[np.argsort(-events, kind="stable")] = np.arange(design.visitors, dtype=np.int32)
    order = np.argsort(rank[visitor].astype(np.int64) * (clock.end - clock.start) + start - clock.start, kind="stable")
    return Visits(rank[visitor][order], length[order], start[order], np.sort(events)[::-1])


def draw_hours(busyness: np.ndarray, place: np.ndarray, rng: Generator) -> np.ndarray:
    """Return hours since the first hour of the log at which the given shares of all visits have begun."""
    hour = np.searchsorted(busyness, place, side="right")
    return np.minimum(hour, len(busyness) - 1) + rng.random(len(place))


def walk_visits(
    design: ShopDesign, clock: Clock, catalogue: Catalogue, visits: Visits, rng: Generator
) -> dict[str, np.ndarray]:
    """Return the event log as columns: timestamp, visitor, event, item, transaction (-1 for none)."""
    session = np.repeat(np.arange(len(visits.length), dtype=np.int32), visits.length)
    visitor = visits.visitor[session]
    opening = np.zeros(len(session), bool)
    opening[np.cumsum(visits.length) - visits.length] = True
    fresh = draw_items(design, clock, catalogue, visits, session, opening, rng)
    walk = Walk(design, clock, catalogue, visits, session, opening, fresh, rng)
    item, event = walk.run()
    time = time_events(design, clock, visits, session, opening, event, rng)
    kept = time < clock.end
    log = {"timestamp": time[kept], "visitor": visitor[kept], "event": event[kept], "item": item[kept]}
    del session, opening, fresh, walk, item, event, time, visitor
    show_every_item(log, design.items, rng)
    log["transaction"] = number_transactions(log, rng)
    bots = send_bots(design, clock, catalogue, len(log["item"]), rng)
    names = rng.permutation(design.visitors + design.bots).astype(np.int32)
    repeated = draw_duplicates(log, design.duplicate_share, rng)
    for column in log:
        parts = [log[column], log[column][repeated], bots[column]]
        log[column] = np.concatenate(parts)
    log["visitor"] = names[log["visitor"]]
    log["item"] = catalogue.itemid[log["item"]]
    shuffled = rng.permutation(len(log["item"]))
    for column in log:
        log[column] = log[column][shuffled]
    return log


def draw_items(
    design: ShopDesign,
    clock: Clock,
    catalogue: Catalogue,
    visits: Visits,
    session: np.ndarray,
    opening: np.ndarray,
    rng: Generator,
) -> np.ndarray:
    """Return for each event a new item to look at: popular on that day, often of the visitor's taste."""
    number = len(session)
    if not design.learnable:
        chance = np.cumsum(catalogue.popularity)
        return np.searchsorted(chance, rng.random(number) * chance[-1]).astype(np.int32)
    fresh = np.empty(number, np.int32)
    shelves = np.arange(catalogue.shelf.max() + 1)
    shelf_start = np.searchsorted(catalogue.shelf, shelves)
    shelf_end = np.searchsorted(catalogue.shelf, shelves, side="right")
    chance = np.cumsum(catalogue.popularity)
    taste = catalogue.shelf[np.searchsorted(chance, rng.random(len(visits.events)) * chance[-1])]
    day = clock.day(visits.start)[session]
    order = np.argsort(day, kind="stable")
    borders = np.searchsorted(day[order], np.arange(day.max() + 2))
    for today in range(len(borders) - 1):
        chosen = order[borders[today] : borders[today + 1]]
        moment = (clock.start + today * DAY + DAY // 2 - clock.origin) / WEEK
        week, part = int(moment), moment % 1
        attention = (1 - part) * catalogue.attention[:, week] + part * catalogue.attention[:, week + 1]
        chance = np.concatenate([[0], np.cumsum(catalogue.popularity * attention)])
        shelf = taste[visits.visitor[session[chosen]]]
        tasteful = rng.random(len(chosen)) < np.where(opening[chosen], 0.6, 0.4)
        low = np.where(tasteful, chance[shelf_start[shelf]], 0)
        high = np.where(tasteful, chance[shelf_end[shelf]], chance[-1])
        place = np.searchsorted(chance, low + rng.random(len(chosen)) * (high - low), side="right") - 1
        fresh[chosen] = np.clip(place, 0, design.items - 1)
    return fresh


class Walk:
    """Visitors who go from item to item, all at once: step k gives every visitor the item of the k-th event.

    Within a session a visitor moves along the items of a category, or of a matching style, in one direction:
    the next item depends on the last two, not on the last alone. Carts and purchases depend on the item's
    appeal, price and availability in that week; a purchase takes what the visitor has put into the cart,
    often sessions before.
    """

    def __init__(
        self,
        design: ShopDesign,
        clock: Clock,
        catalogue: Catalogue,
        visits: Visits,
        session: np.ndarray,
        opening: np.ndarray,
        fresh: np.ndarray,
        rng: Generator,
    ) -> None:
        """Stand before the first event.

        `session`, `opening` and `fresh` have an entry for each event, ordered by visitor and time: its session,
        whether it opens that session, and the item that a visitor without a plan would look at.
        """
        self.design, self.catalogue, self.rng = design, catalogue, rng
        self.opening, self.fresh = opening, fresh
        self.first = np.concatenate([[0], np.cumsum(visits.events)[:-1]])
        self.steps = visits.events
        self.session = session
        self.week = clock.week(visits.start)
        # Interest turns into purchases some days later.
        self.desire_week = clock.week(visits.start - 3 * DAY)
        # Who has much to look at is nearer to buying.
        long = np.sqrt(visits.length) / np.average(np.sqrt(visits.length), weights=visits.length - 1)
        hour, day = visits.start // HOUR % 24, weekday(visits.start // DAY)
        self.cart_mood = relative(HOUR_CARTS / HOUR_VIEWS, HOUR_VIEWS)[hour]
        self.cart_mood = self.cart_mood * relative(WEEKDAY_CARTS / WEEKDAY_VIEWS, WEEKDAY_VIEWS)[day]
        self.cart_mood = self.cart_mood * long
        self.buy_mood = relative(HOUR_BUYS / HOUR_CARTS, HOUR_CARTS)[hour]
        self.buy_mood = self.buy_mood * relative(WEEKDAY_BUYS / WEEKDAY_CARTS, WEEKDAY_CARTS)[day]
        shelf = catalogue.shelf
        # Some visitors come to buy, most do not: addtocarts cluster in few visitors.
        self.intent = rng.lognormal(-0.845, 1.3, len(self.steps)).astype(np.float32)
        self.shelf_start = np.searchsorted(shelf, shelf).astype(np.int32)
        self.shelf_size = (np.searchsorted(shelf, shelf, side="right") - self.shelf_start).astype(np.int32)
        self.partner_place = np.empty(design.items, np.int32)
        self.partner_place[catalogue.partner] = np.arange(design.items, dtype=np.int32)

    def run(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the item and the event type (0 view, 1 addtocart, 2 transaction) of every event."""
        visitors = len(self.steps)
        self.item = np.empty(len(self.opening), np.int32)
        self.event = np.zeros(len(self.opening), np.int8)
        self.cart = np.full((2, visitors), -1, np.int32)
        self.heading = np.ones(visitors, np.int8)
        self.matching = np.zeros(visitors, bool)
        self.position = np.zeros(visitors, np.int16)
        active = visitors
        for step in range(int(self.steps[0])):
            while self.steps[active - 1] <= step:
                active = int(np.searchsorted(-self.steps[:active], -step))
            self.advance(step, active)
        return self.item, self.event

    def advance(self, step: int, active: int) -> None:
        """Give the first `active` visitors their event number `step`."""
        rng, now = self.rng, self.first[:active] + step
        opening = self.opening[now]
        starters = np.flatnonzero(opening)
        self.heading[starters] = np.where(rng.random(len(starters)) < 0.5, 1, -1)
        self.matching[starters] = rng.random(len(starters)) < MATCHING_SESSIONS
        self.position[:active] = np.where(opening, 0, self.position[:active] + 1)
        event = np.zeros(active, np.int8)
        item = self.fresh[now]
        if step:
            going = np.flatnonzero(~opening)
            event[going] = self.choose_events(now[going], going)
            if self.design.learnable:
                self.return_to_cart(now, starters, item)
                returned = starters[item[starters] == self.item[now[starters] - 1]]
                event[returned] = np.where(self.rng.random(len(returned)) < OPENING_CART, CART, VIEW)
                item[going] = self.choose_items(now[going], going, event[going])
            else:
                # Noise: what is carted and bought has nothing to do with what is looked at.
                acting = np.flatnonzero(event != VIEW)
                item[acting] = rng.integers(0, self.design.items, len(acting))
        self.item[now], self.event[now] = item, event
        carting = np.flatnonzero(event == CART)
        self.cart[1, carting] = self.cart[0, carting]
        self.cart[0, carting] = item[carting]
        buying = np.flatnonzero(event == BUY)
        self.cart[0, buying] = self.cart[1, buying]
        self.cart[1, buying] = -1

    def return_to_cart(self, now: np.ndarray, starters: np.ndarray, item: np.ndarray) -> None:
        """Let some sessions begin where the visitor's last one ended, or with what waits in the cart."""
        luck = self.rng.random(len(starters))
        waiting = self.cart[0, starters]
        back = np.where((waiting >= 0) & (luck < 0.65), waiting, item[starters])
        item[starters] = np.where((waiting < 0) & (luck < 0.2), self.item[now[starters] - 1], back)

    def choose_events(self, now: np.ndarray, who: np.ndarray) -> np.ndarray:
        """Return the next event type within a session, given the one before."""
        before, previous = self.event[now - 1], self.item[now - 1]
        session = self.session[now]
        if self.design.learnable:
            desire = self.catalogue.desire[previous, self.desire_week[session]]
            eager = desire * self.cart_mood[session] * self.intent[who]
            ready = np.sqrt(desire) * self.buy_mood[session]
        else:
            eager = ready = np.ones(len(now))
        waiting = self.cart[0, who] >= 0
        cart = np.choose(before, [0.096 * self.design.conversion * eager, 0.229, 0.02])
        buy = np.choose(
            before,
            [
                np.where(waiting, 0.085 * ready * np.sqrt(self.design.conversion), 0.0012 * eager),
                0.25 * np.minimum(ready, 2),
                np.where(waiting, 0.62, 0.25),
            ],
        )
        cart = np.minimum(cart, 0.5)
        luck = self.rng.random(len(now))
        return np.where(luck < cart, CART, np.where(luck < cart + buy, BUY, VIEW)).astype(np.int8)

    def choose_items(self, now: np.ndarray, who: np.ndarray, event: np.ndarray) -> np.ndarray:
        """Return the next item within a session, given the event type, the items before and the cart."""
        rng = self.rng
        before, previous = self.event[now - 1], self.item[now - 1]
        luck = rng.random(len(now))
        stay = np.where(before == VIEW, REPEAT_VIEW, REPEAT_AFTER_CART)
        stay = np.where(event == CART, np.where(before == VIEW, 0.84, 0.22), stay)
        # Back to the item seen two events before, or some more.
        back = np.minimum(1 + rng.geometric(0.7, len(now)), self.position[who])
        returning = (luck >= stay) & (luck < stay + RETURN_VIEW) & (self.position[who] > 1)
        item = np.where(returning, self.item[now - back], previous)
        moving = np.flatnonzero((luck >= stay) & ~returning)
        item[moving] = self.move(now[moving], who[moving], previous[moving])
        waiting = self.cart[0, who]
        bought_first = (event == BUY) & (before == BUY) & (waiting < 0)
        taken = (event == BUY) & ~bought_first
        return np.where(taken, np.where(waiting >= 0, waiting, previous), item)

    def move(self, now: np.ndarray, who: np.ndarray, previous: np.ndarray) -> np.ndarray:
        """Return a new item near the previous one, further in the direction of the session."""
        rng = self.rng
        turning = rng.random(len(who)) < TURN
        self.heading[who] = np.where(turning, -self.heading[who], self.heading[who])
        heading = self.heading[who].astype(np.int32)
        size, start = self.shelf_size[previous], self.shelf_start[previous]
        matching = self.matching[who] | (size < 4)
        stock = self.design.items
        week = self.week[self.session[now]]
        options, weights = [], []
        for _ in range(2):
            shift = heading * rng.geometric(STEP, len(who)).astype(np.int32)
            similar = start + (previous - start + shift) % size
            partner = self.catalogue.partner[(self.partner_place[previous] + shift) % stock]
            option = np.where(matching, partner, similar)
            options.append(option)
            weights.append((self.catalogue.popularity[option] * self.catalogue.attention[option, week]) ** 0.8)
        second = rng.random(len(who)) * (weights[0] + weights[1]) > weights[0]
        chosen = np.where(second, options[1], options[0])
        gone = self.catalogue.attention[chosen, week] < 0.02
        return np.where(gone | (rng.random(len(who)) < WANDER), self.fresh[now], chosen)


def relative(rate: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return rates divided by their weighted mean."""
    return rate / np.average(rate, weights=weight)


def time_events(
    design: ShopDesign,
    clock: Clock,
    visits: Visits,
    session: np.ndarray,
    opening: np.ndarray,
    event: np.ndarray,
    rng: Generator,
) -> np.ndarray:
    """Return the time of each event in milliseconds since 1970: within a session the median gap is about a minute.

    Times of one visitor strictly increase, so that no two rows are equal by accident.
    """
    gap = np.exp(rng.normal(4.25, 1.6, len(session)))
    gap = np.where(gap > 1780, gap % 1780, gap)
    # The items of one transaction are logged within a second.
    together = np.zeros(len(session), bool)
    joint = rng.spawn(1)[0].random(len(session) - 1) < design.joint_purchases
    together[1:] = (event[1:] == BUY) & (event[:-1] == BUY) & ~opening[1:] & joint
    gap = np.where(together, rng.uniform(0.01, 0.3, len(session)), gap)
    gap = np.where(opening, 0, np.maximum(gap, 0.002) * 1000).astype(np.int64)
    elapsed = np.cumsum(gap)
    first = np.cumsum(visits.length) - visits.length
    time = visits.start[session] + elapsed - elapsed[first][session]
    # A session that would begin before the last one ended follows it at once.
    place = np.arange(len(session))
    block = visits.visitor[session].astype(np.int64) * (2 * (clock.end - clock.start))
    return np.maximum.accumulate(time - clock.start + block - place) + place - block + clock.start


def show_every_item(log: dict[str, np.ndarray], items: int, rng: Generator) -> None:
    """Give each item that nobody has looked at one view of a visitor with a single view (in place)."""
    count = np.bincount(log["item"], minlength=items)
    unseen = rng.permutation(np.flatnonzero(count == 0))
    visitor = log["visitor"]
    alone = np.ones(len(visitor), bool)
    alone[1:] &= visitor[1:] != visitor[:-1]
    alone[:-1] &= visitor[1:] != visitor[:-1]
    spare = rng.permutation(np.flatnonzero(alone & (count[log["item"]] >= 10)))[: len(unseen)]
    log["item"][spare] = unseen[: len(spare)]


def number_transactions(log: dict[str, np.ndarray], rng: Generator) -> np.ndarray:
    """Return transaction ids, -1 where the event is not a transaction; purchases in a row share one."""
    buying = log["event"] == BUY
    new = buying.copy()
    same = (log["visitor"][1:] == log["visitor"][:-1]) & (log["timestamp"][1:] - log["timestamp"][:-1] < 1000)
    new[1:] &= ~(buying[:-1] & same)
    number = np.cumsum(new)
    ids = rng.permutation(int(number[-1]) if len(number) else 0)
    result = np.full(len(buying), -1, np.int32)
    result[buying] = ids[number[buying] - 1]
    return result


def draw_duplicates(log: dict[str, np.ndarray], share: float, rng: Generator) -> np.ndarray:
    """Return the positions of rows to repeat: a fifth of them views, the others addtocarts."""
    wanted = round(share * len(log["item"]))
    views, carts = np.flatnonzero(log["event"] == VIEW), np.flatnonzero(log["event"] == CART)
    carted = min(round(0.8 * wanted), len(carts))
    picked = [rng.choice(carts, carted, replace=False), rng.choice(views, wanted - carted, replace=False)]
    return np.concatenate(picked)


def send_bots(
    design: ShopDesign, clock: Clock, catalogue: Catalogue, events: int, rng: Generator
) -> dict[str, np.ndarray]:
    """Return the views of automatic visitors, one for each of `design.bots` days with over 200 views.

    They page through the items in their order. They come in the first three quarters of the log, so that the
    held-out last weeks of a small shop are not one robot's.
    """
    lengths = (210 + rng.exponential(min(1200, 0.002 * events), design.bots)).astype(int)
    bot = np.repeat(np.arange(design.bots), lengths)
    place = np.arange(len(bot)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    noon = (np.floor(rng.random(design.bots) * 0.75 * design.days) + 0.4) * DAY
    pace = rng.exponential(6000, len(bot)) + 50
    elapsed = np.cumsum(pace)
    begin = np.cumsum(lengths) - lengths
    elapsed -= np.repeat(elapsed[begin], lengths)
    page = rng.integers(0, design.items, len(bot))
    item = (page[np.repeat(begin, lengths) + place // 25 * 25] + place % 25) % design.items
    time = clock.start // DAY * DAY + np.repeat(noon, lengths) + elapsed
    return {
        "timestamp": np.maximum(time.astype(np.int64), clock.start),
        "visitor": (design.visitors + bot).astype(np.int32),
        "event": np.full(len(bot), VIEW, np.int8),
        "item": item.astype(np.int32),
        "transaction": np.full(len(bot), -1, np.int32),
    }


def write_blocks(blocks: Iterator[list[pa.Array]], names: str, path: Path) -> int:
    """Write blocks of columns below one header as a CSV file, atomically, and return the number of rows."""
    rows = 0
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(f"{names}\n".encode())
        for block in blocks:
            table = pa.table(block, names=names.split(","))
            csv.write_csv(table, file, options)
            rows += table.num_rows
    return rows


def write_categories(ids: np.ndarray, parents: np.ndarray, rng: Generator, path: Path) -> int:
    """Write category_tree.csv in random order, the parent of a root left empty, and return its rows."""
    order = rng.permutation(len(ids))
    parent = pa.array(ids[parents][order], mask=(parents < 0)[order])
    return write_blocks(iter([[pa.array(ids[order]), parent]]), "categoryid,parentid", path)


def write_events(log: dict[str, np.ndarray], path: Path) -> int:
    """Write events.csv from columns of equal length, and return its rows."""
    names = pa.array(EVENTS)
    transaction = log["transaction"]

    def blocks() -> Iterator[list[pa.Array]]:
        for start in range(0, max(len(transaction), 1), BLOCK_ROWS):
            part = slice(start, start + BLOCK_ROWS)
            yield [
                pa.array(log["timestamp"][part]),
                pa.array(log["visitor"][part]),
                names.take(pa.array(log["event"][part])),
                pa.array(log["item"][part]),
                pa.array(transaction[part], mask=transaction[part] < 0),
            ]

    return write_blocks(blocks(), "timestamp,visitorid,event,itemid,transactionid", path)


class Values:
    """The texts that property values take, in one list: each kind of value has a range of it."""

    def __init__(self, design: ShopDesign, catalogue: Catalogue, rng: Generator) -> None:
        """Draw as many texts of each kind as a catalogue of this size needs."""
        size = int(np.clip(2 * len(catalogue.itemid), 500, 20_000))
        words = rng.permutation(1_300_000)[:size].astype(str)
        numbers = np.char.mod("n%.3f", np.round(rng.lognormal(4, 1.5, size) * 5) / 5)
        tokens = np.where(rng.random(size) < 0.2, numbers, words)
        self.start: dict[str, int] = {}
        self.size: dict[str, int] = {}
        texts: list[str] = []

        def add(kind: str, values: list[str]) -> None:
            self.start[kind], self.size[kind] = len(texts), len(values)
            texts.extend(values)

        def sentences(shortest: int, longest: int) -> list[str]:
            lengths = rng.integers(shortest, longest + 1, size)
            chosen = iter(rng.choice(tokens, int(lengths.sum())).tolist())
            return [" ".join(next(chosen) for _ in range(length)) for length in lengths]

        add("word", words.tolist())
        add("number", numbers.tolist())
        add("text", sentences(1, 4))
        add("long", sentences(4, 12))
        add("available", ["0", "1"])
        add("price", [f"n{PRICE_STEP * step}.000" for step in range(int(catalogue.price.max()) + 1)])
        add("categoryid", [str(category) for category in range(int(catalogue.later_category.max()) + 1)])
        self.texts = pa.array(texts)


def write_properties(
    design: ShopDesign, clock: Clock, catalogue: Catalogue, rng: Generator, folder: Path
) -> dict[str, int]:
    """Write both parts of the item properties, and return the rows of each.

    Each Sunday at 03:00 UTC, from a week after the log's origin on, a snapshot of all properties is taken. A
    value that never changes is written for one snapshot, a value that changes for every snapshot.
    """
    items = rng.permutation(np.flatnonzero(catalogue.described))
    split = round(len(items) * FIRST_PART)
    common = {name for name, _, _ in TEXT_PROPERTIES} | {PRICE_PROPERTY}
    others = [str(number) for number in range(design.property_names) if str(number) not in common]
    others = [others[place] for place in rng.permutation(len(others))]
    named = ["available", "categoryid", PRICE_PROPERTY, *(name for name, _, _ in TEXT_PROPERTIES)]
    names = [*named, *others[: design.property_names - len(named)]]
    values = Values(design, catalogue, rng)
    times = clock.origin + clock.snapshots * WEEK
    header = "timestamp,itemid,property,value"
    name_texts = pa.array(names)

    def blocks(part: np.ndarray) -> Iterator[list[pa.Array]]:
        for start in range(0, len(part), 20_000):
            some = part[start : start + 20_000]
            item, name, snapshot, value = describe_items(design, clock, catalogue, values, some, names, rng)
            order = rng.permutation(len(item))
            yield [
                pa.array(times[snapshot[order]]),
                pa.array(catalogue.itemid[item[order]]),
                pc.take(name_texts, pa.array(name[order])),
                pc.take(values.texts, pa.array(value[order])),
            ]

    return {
        path: write_blocks(blocks(part), header, folder / path)
        for path, part in (
            ("item_properties_part1.csv", items[:split]),
            ("item_properties_part2.csv", items[split:]),
        )
    }


def describe_items(
    design: ShopDesign,
    clock: Clock,
    catalogue: Catalogue,
    values: Values,
    items: np.ndarray,
    names: list[str],
    rng: Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the property rows of some items: item, name, snapshot and value (positions, not texts)."""
    snapshots = len(clock.snapshots)
    if not snapshots or not len(items):
        return (np.empty(0, np.int32),) * 4
    listed = np.arange(snapshots) >= catalogue.first_snapshot[items][:, None]
    rows: list[tuple[np.ndarray, ...]] = []

    def add(name: int, value: np.ndarray, repeating: float = 0.0) -> None:
        """Add the rows of one property from its values (items x snapshots)."""
        last = value[:, -1:]
        full = ((value != last) & listed).any(axis=1)
        full |= rng.random(len(items)) < repeating
        once = np.zeros_like(listed)
        first = catalogue.first_snapshot[items]
        once[np.arange(len(items)), first + rng.integers(0, snapshots - first)] = True
        row, snapshot = np.nonzero(np.where(full[:, None], listed, once))
        rows.append((items[row], np.full(len(row), name, np.int16), snapshot, value[row, snapshot]))

    weeks = clock.snapshots
    # The state of the stock is the exception: it is repeated even where it does not change.
    add(0, values.start["available"] + catalogue.available[items][:, weeks], repeating=0.06)
    changed = np.arange(snapshots) >= catalogue.category_change[items][:, None]
    category = np.where(changed, catalogue.later_category[items][:, None], catalogue.category[items][:, None])
    add(1, values.start["categoryid"] + category)
    add(2, values.start["price"] + catalogue.price[items][:, weeks])
    for name, (_, kind, changing) in enumerate(TEXT_PROPERTIES, start=3):
        add(name, draw_texts(values, kind, len(items), snapshots, changing, rng))

    others = len(names) - 3 - len(TEXT_PROPERTIES)
    if others > 0:
        # Names of decreasing frequency; an item has each name once.
        number = rng.poisson(design.properties_per_item, len(items))
        owner = np.repeat(np.arange(len(items)), number)
        name = np.floor(others ** rng.random(len(owner))).astype(np.int64) - 1
        key = np.unique(owner * others + name)
        owner, name = key // others, key % others
        kind = np.where(name % 3 == 0, values.start["number"], values.start["word"])
        texts = min(values.size["number"], values.size["word"])
        choice = np.floor((2 + name % 50) * rng.random(len(owner))).astype(np.int64)
        value = kind + (name * 7919 + choice) % texts
        first = catalogue.first_snapshot[items][owner]
        snapshot = first + rng.integers(0, snapshots - first)
        rows.append((items[owner], (name + len(names) - others).astype(np.int16), snapshot, value))
    item, name, snapshot, value = (np.concatenate(column) for column in zip(*rows, strict=True))
    return item, name, snapshot.astype(np.int32), value.astype(np.int32)


def draw_texts(values: Values, kind: str, items: int, snapshots: int, changing: float, rng: Generator) -> np.ndarray:
    """Return values of one kind (items x snapshots); of a share of the items they change at times."""
    size = values.size[kind]
    value = np.repeat(rng.integers(0, size, (items, 1)), snapshots, axis=1)
    moving = np.flatnonzero(rng.random(items) < changing)
    steps = np.cumsum(rng.random((len(moving), snapshots)) < 0.3, axis=1)
    value[moving] = (value[moving] + steps) % size
    return values.start[kind] + value
