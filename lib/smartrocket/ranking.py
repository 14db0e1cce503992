"""Sessions as arrays, and the judgement of recommenders: where does the true next item rank?

The protocol is the one of the GRU4Rec papers (arXiv 1511.06939, 1706.03847): after every click of a
test session the model ranks ALL items of the training sequences, and the item clicked next is looked up in
that ranking. Ties count against the model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from smartrocket.errors import InputError

LIST_LENGTH = 20
HIT_LENGTHS = (1, 5, 10, 20)
# Below this share of clicks that repeat the one before, the current item is not worth a place in a list.
RARE_REPEATS = 0.05
# Fewer sessions drawn anew say nothing about how far chance reaches.
LEAST_SESSIONS = 10
# How often the sessions are drawn anew for an interval.
REPLICATES = 500
METRICS = (*(f"hit_rate@{length}" for length in HIT_LENGTHS), "mrr@20", "ndcg@20")


@dataclass(frozen=True)
class Sessions:
    """Sessions laid end to end: session i is `items[offsets[i]:offsets[i + 1]]`.

    `items` holds item numbers (positions in a catalogue), `seconds` the time of each click in
    seconds, `offsets` has one entry more than there are sessions.
    """

    items: np.ndarray
    seconds: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Clicks of each session."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> np.ndarray:
        """The session number of each click."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def take(self, chosen: np.ndarray) -> "Sessions":
        """Return the chosen sessions (numbers, in the order wanted)."""
        chosen = np.asarray(chosen, dtype=np.int64)
        return _join(self, self.offsets[chosen], self.lengths[chosen])

    def last(self, clicks: int) -> "Sessions":
        """Return every session cut to its last `clicks` clicks."""
        lengths = np.minimum(self.lengths, clicks)
        return _join(self, self.offsets[1:] - lengths, lengths)

    def padded_latest_first(self) -> np.ndarray:
        """Return items as a matrix, one session a row, latest click first, -1 where it has ended."""
        longest = int(self.lengths.max(initial=0))
        steps = np.arange(longest)
        # Where a session has ended these are places of other sessions' clicks.
        places = self.offsets[1:, None] - 1 - steps
        return np.where(steps < self.lengths[:, None], self.items[places], -1)


class Recommender(Protocol):
    """What every model of this project can do."""

    def fit(self, sessions: Sessions, item_count: int) -> object:
        """Learn from training sessions over a catalogue of `item_count` items."""

    def score(self, prefixes: Sessions) -> np.ndarray:
        """Return a score of every item as the next click, shape (prefixes, items); higher is better."""


def catalogue(train: pd.DataFrame) -> np.ndarray:
    """Return the item ids of the training clicks, sorted: an item's number is its place here."""
    return np.unique(train["itemid"].to_numpy(dtype=np.int64))


def read_sessions(frame: pd.DataFrame, item_ids: np.ndarray) -> Sessions:
    """Turn clicks (sessionid, itemid, timestamp; in order within a session) into sessions.

    Raises InputError where a clicked item is not in the catalogue `item_ids`.
    """
    clicked = frame["itemid"].to_numpy(dtype=np.int64)
    items = np.searchsorted(item_ids, clicked)
    unknown = items >= len(item_ids)
    unknown[~unknown] = item_ids[items[~unknown]] != clicked[~unknown]
    if unknown.any():
        raise InputError(f"item {clicked[unknown][0]} is not in the training catalogue: drop unknown items first.")
    session = frame["sessionid"].to_numpy()
    starts = np.flatnonzero(np.r_[True, session[1:] != session[:-1]][: len(session)])
    moments = frame["timestamp"].to_numpy().astype("datetime64[ms]").astype(np.int64)
    return Sessions(items.astype(np.int64), moments / 1000, np.r_[starts, len(session)].astype(np.int64))


@dataclass(frozen=True)
class NextClicks:
    """Every question a test set asks: given `prefixes[i]`, is `targets[i]` ranked high?

    `session` is the test session's number, `position` the clicks seen so far (from 1), `repeat` says
    whether the target was already clicked in this session.
    """

    prefixes: Sessions
    targets: np.ndarray
    session: np.ndarray
    position: np.ndarray
    repeat: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, chosen: np.ndarray) -> "NextClicks":
        """Return the chosen clicks (numbers, in the order wanted)."""
        columns = (self.targets, self.session, self.position, self.repeat)
        return NextClicks(self.prefixes.take(chosen), *(column[chosen] for column in columns))


def next_clicks(sessions: Sessions) -> NextClicks:
    """Ask for the next click after every click but a session's last."""
    owners = sessions.owners
    position = np.arange(len(sessions.items)) - sessions.offsets[:-1][owners] + 1
    asked = np.flatnonzero(position < sessions.lengths[owners])
    seen, session = position[asked], owners[asked]
    targets = sessions.items[asked + 1]
    prefixes = _join(sessions, sessions.offsets[:-1][session], seen)
    repeat = np.bincount(prefixes.owners, prefixes.items == targets[prefixes.owners]) > 0
    return NextClicks(prefixes, targets, session, seen, repeat)


def sample_clicks(clicks: NextClicks, count: int, seed: int) -> NextClicks:
    """Return at most `count` of the clicks to predict, drawn at random, in their order."""
    return clicks.take(np.sort(np.random.default_rng(seed).permutation(len(clicks))[:count]))


Interval = tuple[float, float] | tuple[None, None]
"""The ends of a 95 % interval, or none where there is too little data for one."""


@dataclass(frozen=True)
class Ranking:
    """Where a model ranked every target (1 is the top), and in how many top-20 lists each item stood."""

    clicks: NextClicks
    ranks: np.ndarray
    shown: np.ndarray

    @property
    def item_count(self) -> int:
        """How many items were ranked."""
        return len(self.shown)

    @property
    def coverage(self) -> float:
        """Share of the catalogue that occurs in at least one top-20 list."""
        return float((self.shown > 0).mean())

    def gains(self, metric: str) -> np.ndarray:
        """Return what each event adds to a metric such as "hit_rate@20", "mrr@20" or "ndcg@20"."""
        name, length = metric.split("@")
        within = self.ranks <= int(length)
        if name == "hit_rate":
            return within.astype(float)
        if name == "mrr":
            return np.where(within, 1 / self.ranks, 0.0)
        if name == "ndcg":
            return np.where(within, 1 / np.log2(self.ranks + 1.0), 0.0)
        raise ValueError(f"unknown metric {metric}")

    def metrics(self, chosen: np.ndarray | None = None) -> dict[str, float]:
        """Return the mean of every metric over all events, or over the chosen ones (a mask)."""
        if chosen is None:
            chosen = np.ones(len(self.ranks), dtype=bool)
        return {metric: float(self.gains(metric)[chosen].mean()) for metric in METRICS}

    def interval(self, metric: str, seed: int) -> Interval:
        """Return the 95 % bootstrap interval of a metric; see `bootstrap_interval`."""
        return bootstrap_interval(self.gains(metric), self.clicks.session, seed)


def repeats_in_a_row(sessions: Sessions) -> bool:
    """Return whether a noteworthy share of clicks repeats the click before it."""
    same_session = np.diff(sessions.owners) == 0
    repeated = np.diff(sessions.items)[same_session] == 0
    return bool(len(repeated)) and float(repeated.mean()) >= RARE_REPEATS


def drop_current(scores: np.ndarray, prefixes: Sessions, repeats: bool) -> np.ndarray:
    """Give each prefix's last item the lowest score (in place), at most 0, unless items repeat in a row.

    Returns the scores.
    """
    if not repeats and len(prefixes):
        scores[np.arange(len(prefixes)), prefixes.items[prefixes.offsets[1:] - 1]] = np.minimum(scores.min(axis=1), 0)
    return scores


def rank_targets(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the conservative rank of each row's target: items scored higher or equal, itself included.

    Raises ValueError for scores that are not finite: they would count as last for one model and as
    first for another.
    """
    own = scores[np.arange(len(targets)), targets]
    if not np.isfinite(scores.sum()):
        raise ValueError("a model gave a score that is not a finite number")
    return (scores >= own[:, None]).sum(axis=1)


def top_items(scores: np.ndarray, length: int = LIST_LENGTH) -> list[np.ndarray]:
    """Return each row's best items, best first, shorter where fewer rise above the row's lowest score."""
    # Here, since notebooks that only read sessions would wait for it, and it takes longer than all else together.
    import torch

    values, items = torch.topk(torch.from_numpy(scores), min(length, scores.shape[1]))
    risen = values.numpy() > scores.min(axis=1, keepdims=True)
    return [row[keep] for row, keep in zip(items.numpy(), risen, strict=True)]


def evaluate_all(models: Mapping[str, Recommender], clicks: NextClicks, item_count: int) -> dict[str, Ranking]:
    """Return each model's ranking; nothing where the test set asks no question."""
    return {name: evaluate(model, clicks, item_count) for name, model in models.items() if len(clicks)}


def evaluate(
    model: Recommender,
    clicks: NextClicks,
    item_count: int,
    batch: int = 256,
    rank: Callable[[np.ndarray, np.ndarray], np.ndarray] = rank_targets,
) -> Ranking:
    """Rank all items for every next click of a test set.

    `rank` tells each target's place from the scores (clicks, items) and the targets; only the audit of flawed
    tests has another one than `rank_targets`.
    """
    ranks = np.empty(len(clicks), dtype=np.int64)
    shown = np.zeros(item_count, dtype=np.int64)
    for start in range(0, len(clicks), batch):
        chosen = np.arange(start, min(start + batch, len(clicks)))
        scores = model.score(clicks.prefixes.take(chosen))
        ranks[chosen] = rank(scores, clicks.targets[chosen])
        shown += np.bincount(np.concatenate(top_items(scores)), minlength=item_count)
    return Ranking(clicks, ranks, shown)


def bootstrap_means(gains: np.ndarray, counted: np.ndarray, session: np.ndarray, seed: int) -> np.ndarray:
    """Return means of the gains over sessions drawn with replacement, shape (`REPLICATES`, columns).

    `gains` and `counted` have a row for each click and a column for each kind of mean: a column's mean is over
    the clicks that count in it (True). Clicks of one session depend on each other, so sessions are drawn, not
    clicks. One seed draws the same sessions whatever the gains, so that the difference of two columns is a
    paired one. A column that no drawn session counts in is NaN.
    """
    groups, owners = np.unique(session, return_inverse=True)
    sums, counts = (
        np.column_stack([np.bincount(owners, column) for column in values.T]) for values in (gains * counted, counted)
    )
    generator = np.random.default_rng(seed)
    means = np.full((REPLICATES, gains.shape[1]), np.nan)
    for row in means:
        drawn = np.bincount(generator.integers(0, len(groups), len(groups)), minlength=len(groups))
        clicks = drawn @ counts
        np.divide(drawn @ sums, clicks, out=row, where=clicks > 0)
    return means


def bootstrap_interval(gains: np.ndarray, session: np.ndarray, seed: int) -> Interval:
    """Return the 95 % percentile interval of the mean gain; see `bootstrap_means`.

    There is none, (None, None), with fewer than `LEAST_SESSIONS` sessions.
    """
    everything = np.ones(len(gains), dtype=bool)
    return mask_interval(gains, everything, session, seed)


def mask_interval(gains: np.ndarray, mask: np.ndarray, session: np.ndarray, seed: int) -> Interval:
    """Return the 95 % interval of the mean gain on the clicks of a mask, as `bootstrap_interval` does."""
    if len(np.unique(session[mask])) < LEAST_SESSIONS:
        return None, None
    return percentile_interval(bootstrap_means(gains[:, None], mask[:, None], session, seed)[:, 0])


def percentile_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the bounds that hold the middle 95 % of replicates; those without a value are left out."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


def contrast_interval(
    gains: np.ndarray,
    session: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    seed: int,
) -> Interval:
    """Return the 95 % interval of how much the mean gain on `after` exceeds that on `before` (masks).

    Whole sessions are drawn, each with its clicks of both kinds. There is no interval where either kind
    occurs in fewer than `LEAST_SESSIONS` sessions.
    """
    if min(len(np.unique(session[mask])) for mask in (before, after)) < LEAST_SESSIONS:
        return None, None
    both = np.column_stack([before, after])
    means = bootstrap_means(np.column_stack([gains, gains]), both, session, seed)
    return percentile_interval(means[:, 1] - means[:, 0])


def _join(sessions: Sessions, starts: np.ndarray, lengths: np.ndarray) -> Sessions:
    offsets = np.r_[0, np.cumsum(lengths)].astype(np.int64)
    places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    return Sessions(sessions.items[places], sessions.seconds[places], offsets)
