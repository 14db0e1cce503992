"""Sessions as arrays, and the judgement of recommenders: where does the true next item rank?

The protocol is the one of the GRU4Rec papers (arXiv 1511.06939, 1706.03847): after every click of a
test session the model ranks ALL items of the training sequences, and the item clicked next is looked up in
that ranking. Ties count against the model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch

from smartrocket.errors import InputError

LIST_LENGTH = 20
HIT_LENGTHS = (1, 5, 10, 20)
# Below this share of clicks that repeat the one before, the current item is not worth a place in a list.
RARE_REPEATS = 0.05
# Fewer sessions drawn anew say nothing about how far chance reaches.
LEAST_SESSIONS = 10
# In a smaller catalogue a list of 20 is a large part of it, and high hit rates are no surprise.
LEAST_CATALOGUE = 1000
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
        inside = steps < self.lengths[:, None]
        places = np.where(inside, self.offsets[1:, None] - 1 - steps, 0)
        return np.where(inside, self.items[places] if len(self.items) else -1, -1)


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
    starts = np.flatnonzero(np.r_[True, session[1:] != session[:-1]]) if len(session) else np.array([], int)
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


def next_clicks(sessions: Sessions) -> NextClicks:
    """Ask for the next click after every click but a session's last."""
    owners = sessions.owners
    position = np.arange(len(sessions.items)) - sessions.offsets[:-1][owners] + 1
    asked = np.flatnonzero(position < sessions.lengths[owners])
    seen, session = position[asked], owners[asked]
    targets = sessions.items[asked + 1] if len(asked) else np.array([], dtype=np.int64)
    prefixes = _join(sessions, sessions.offsets[:-1][session], seen)
    repeat = np.zeros(len(asked), dtype=bool)
    np.logical_or.at(repeat, prefixes.owners, prefixes.items == targets[prefixes.owners])
    return NextClicks(prefixes, targets, session, seen, repeat)


Interval = tuple[float, float] | tuple[None, None]
"""The ends of a 95 % interval, or none where there is too little data for one."""


@dataclass(frozen=True)
class Ranking:
    """Where a model ranked every target (1 is the top), and the items it ever put in its top list."""

    clicks: NextClicks
    ranks: np.ndarray
    recommended: np.ndarray
    item_count: int

    @property
    def coverage(self) -> float:
        """Share of the catalogue that occurs in at least one top-20 list."""
        return len(self.recommended) / self.item_count

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

    def interval(self, metric: str, seed: int, replicates: int = 500) -> Interval:
        """Return the 95 % bootstrap interval of a metric; see `bootstrap_interval`."""
        return bootstrap_interval(self.gains(metric), self.clicks.session, seed, replicates)


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
    values, items = torch.topk(torch.from_numpy(scores), min(length, scores.shape[1]))
    risen = values.numpy() > scores.min(axis=1, keepdims=True)
    return [row[keep] for row, keep in zip(items.numpy(), risen, strict=True)]


def evaluate_all(models: Mapping[str, Recommender], clicks: NextClicks, item_count: int) -> dict[str, Ranking]:
    """Return each model's ranking; nothing where the test set asks no question."""
    return {name: evaluate(model, clicks, item_count) for name, model in models.items() if len(clicks)}


def evaluate(model: Recommender, clicks: NextClicks, item_count: int, batch: int = 256) -> Ranking:
    """Rank all items for every next click of a test set."""
    ranks = np.empty(len(clicks), dtype=np.int64)
    recommended = np.zeros(item_count, dtype=bool)
    for start in range(0, len(clicks), batch):
        chosen = np.arange(start, min(start + batch, len(clicks)))
        scores = model.score(clicks.prefixes.take(chosen))
        ranks[chosen] = rank_targets(scores, clicks.targets[chosen])
        recommended[np.concatenate(top_items(scores))] = True
    return Ranking(clicks, ranks, np.flatnonzero(recommended), item_count)


def bootstrap_interval(gains: np.ndarray, session: np.ndarray, seed: int, replicates: int = 500) -> Interval:
    """Return the 95 % percentile interval of the mean gain, drawing whole sessions with replacement.

    There is none, (None, None), with fewer than `LEAST_SESSIONS` sessions.

    Clicks of one session depend on each other, so sessions are drawn, not clicks. One seed draws the
    same sessions for every model: the interval of a difference of two models' gains is a paired one.
    """
    groups, owners = np.unique(session, return_inverse=True)
    sums = np.bincount(owners, weights=gains, minlength=len(groups))
    counts = np.bincount(owners, minlength=len(groups))
    if len(groups) < LEAST_SESSIONS:
        return None, None
    generator = np.random.default_rng(seed)
    means = np.empty(replicates)
    for replicate in range(replicates):
        drawn = generator.integers(0, len(groups), len(groups))
        means[replicate] = sums[drawn].sum() / counts[drawn].sum()
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def contrast_interval(
    gains: np.ndarray,
    session: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    seed: int,
    replicates: int = 500,
) -> Interval:
    """Return the 95 % interval of how much the mean gain on `after` exceeds that on `before` (masks).

    Whole sessions are drawn, each with its clicks of both kinds. There is no interval where either kind
    occurs in fewer than `LEAST_SESSIONS` sessions.
    """
    if min(len(np.unique(session[mask])) for mask in (before, after)) < LEAST_SESSIONS:
        return None, None
    groups, owners = np.unique(session, return_inverse=True)
    sums, counts = (
        np.array([np.bincount(owners[mask], values[mask], len(groups)) for mask in (before, after)])
        for values in (gains, np.ones(len(gains)))
    )
    generator = np.random.default_rng(seed)
    differences = []
    for _ in range(replicates):
        drawn = generator.integers(0, len(groups), len(groups))
        clicks = counts[:, drawn].sum(axis=1)
        if clicks.all():
            first, second = sums[:, drawn].sum(axis=1) / clicks
            differences.append(second - first)
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def compare_slices(rankings: dict[str, Ranking], metric: str, slices: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return each model's metric on each slice of the events that is not empty.

    `slices` maps a slice's name to a mask over the events. Columns: model, slice, events, value.
    """
    return pd.DataFrame(
        [
            {
                "model": model,
                "slice": name,
                "events": int(mask.sum()),
                "value": ranking.gains(metric)[mask].mean(),
            }
            for model, ranking in rankings.items()
            for name, mask in slices.items()
            if mask.any()
        ],
        columns=["model", "slice", "events", "value"],
    )


@dataclass(frozen=True)
class Gate:
    """One check of an evaluation's good faith. A failed gate that `stops` ends the run."""

    name: str
    passed: bool
    detail: str
    stops: bool = True


def leak_gates(train: pd.DataFrame, test: pd.DataFrame) -> list[Gate]:
    """Check that no test session is in training and that every test click is later than training."""
    shared = np.intersect1d(train["sessionid"].unique(), test["sessionid"].unique())
    gates = [Gate("no session in both training and test", len(shared) == 0, f"{len(shared):,} shared sessions")]
    if len(train) and len(test):
        last, first = train["timestamp"].max(), test["timestamp"].min()
        gates.append(
            Gate(
                "training ends before the test begins",
                bool(last < first),
                f"training ends {last:%Y-%m-%d %H:%M}, the test begins {first:%Y-%m-%d %H:%M}",
            )
        )
    return gates


def plausibility_gates(
    rankings: dict[str, Ranking], hit_rate_ceiling: float, ratio_ceiling: float, stops: bool
) -> list[Gate]:
    """Check that no model is too good to be true.

    Under this protocol a hit rate@20 above the ceiling, or an NDCG@20 that is nearly as large as the
    hit rate@20 (nearly every hit in first place), is worth suspicion. Rankings of fewer than
    `LEAST_CATALOGUE` items are not checked: there, a high hit rate is easily come by.
    """
    gates = []
    for model, ranking in rankings.items():
        if ranking.item_count < LEAST_CATALOGUE:
            continue
        values = ranking.metrics()
        hit_rate, ndcg = values["hit_rate@20"], values["ndcg@20"]
        ratio = ndcg / hit_rate if hit_rate else 0.0
        gates.append(
            Gate(
                f"{model}: results are plausible",
                hit_rate <= hit_rate_ceiling and ratio <= ratio_ceiling,
                f"hit rate@20 {hit_rate:.3f} (ceiling {hit_rate_ceiling:.2f}), "
                f"NDCG@20 / hit rate@20 {ratio:.2f} (ceiling {ratio_ceiling:.2f})",
                stops,
            )
        )
    return gates


def comparison_gate(rankings: dict[str, Ranking], model: str, rule: str, stops: bool = False) -> Gate:
    """Check that a model beats a rule that needs no learning."""
    ours, theirs = (rankings[name].metrics()["hit_rate@20"] for name in (model, rule))
    return Gate(f"{model} beats {rule}", ours > theirs, f"hit rate@20 {ours:.3f} against {theirs:.3f}", stops)


def enforce(gates: Sequence[Gate]) -> None:
    """Raise InputError naming every failed gate that stops the run."""
    failed = [f"{gate.name} ({gate.detail})" for gate in gates if gate.stops and not gate.passed]
    if failed:
        raise InputError(f"the evaluation cannot be trusted: {'; '.join(failed)}. Check the sequences' split.")


def gates_frame(gates: Sequence[Gate]) -> pd.DataFrame:
    """Return the gates as a table: gate, result, detail."""
    rows = [
        {"gate": gate.name, "result": "passed" if gate.passed else "FAILED", "detail": gate.detail} for gate in gates
    ]
    return pd.DataFrame(rows, columns=["gate", "result", "detail"])


def _join(sessions: Sessions, starts: np.ndarray, lengths: np.ndarray) -> Sessions:
    offsets = np.r_[0, np.cumsum(lengths)].astype(np.int64)
    places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    return Sessions(sessions.items[places], sessions.seconds[places], offsets)
