"""Sequences by other rules than the headline protocol's, to show what each rule does to a result.

With its defaults, `build_sequences` makes the sequences of `sequences.collect_sequences`. It works on arrays
in memory and takes a log of millions of events in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import ibis
import numpy as np
import pandas as pd

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.neighbours import simple_models
from smartrocket.ranking import (
    Ranking,
    Recommender,
    Sessions,
    evaluate_all,
    next_clicks,
    read_sessions,
    repeats_in_a_row,
)
from smartrocket.sequences import split_last_days
from smartrocket.wording import percent, plural

COLUMNS = ["sessionid", "visitorid", "itemid", "timestamp"]


@dataclass(frozen=True)
class Rules:
    """What makes a sequence.

    gap_minutes: a longer pause of the visitor starts a new sequence; None: all of a visitor's events are one.
    all_events: whether purchases and events of the cart count as clicks beside views.
    keep_repeats: whether an item viewed twice in a row counts twice.
    min_session_length, min_item_support: shorter sequences and rarer items are dropped.
    """

    gap_minutes: int | None = 60
    all_events: bool = False
    keep_repeats: bool = False
    min_session_length: int = 2
    min_item_support: int = 5


def read_rules(facts: Mapping[str, Mapping[str, Any]]) -> Rules:
    """Return the rules that the headline's sequences were made by, from the facts of the notebook that made them."""
    names = {"gap_minutes": "sequence_gap_minutes"}
    names |= {name: name for name in ("min_session_length", "min_item_support")}
    return Rules(**{name: facts[fact]["value"] for name, fact in names.items()})


def collect_events(events: ibis.Table, rules: Rules) -> pd.DataFrame:
    """Return what sequences are made of: all events of the visitors who have enough of them for a sequence.

    Most visitors of a shop have a single event, which no rule but the shortest length would make a sequence of; they
    stay in the engine. Returns timestamp, visitorid, event and itemid, sorted as cleaning leaves them.
    """
    counts = events.group_by("visitorid").having(events.count() >= rules.min_session_length).agg()
    chosen = events.semi_join(counts, "visitorid").select("timestamp", "visitorid", "event", "itemid")
    frame = chosen.order_by(["timestamp", "visitorid", "itemid", "event"]).to_pandas()
    return frame.astype({"timestamp": "datetime64[us]"})


def build_sequences(events: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Make sequences of a log by the given rules.

    `events` has timestamp, visitorid, event and itemid, sorted by timestamp, visitorid, itemid and event, as
    cleaning leaves them. Returns sessionid (counted by the start of the sequence), visitorid, itemid and
    timestamp, sorted by sessionid and timestamp; the frame is empty where nothing is left.
    """
    if events.empty:
        return events.assign(sessionid=events["visitorid"])[COLUMNS]
    order = np.argsort(events["visitorid"].to_numpy(), kind="stable")
    visitor, item = (events[name].to_numpy()[order] for name in ("visitorid", "itemid"))
    moment = events["timestamp"].to_numpy()[order]
    opens = np.r_[True, visitor[1:] != visitor[:-1]]
    if rules.gap_minutes is not None:
        opens[1:] |= np.diff(moment) > np.timedelta64(rules.gap_minutes, "m")
    session = np.cumsum(opens) - 1
    start = moment[opens][session]
    kind = pd.factorize(events["event"], sort=True)[0][order]
    kept = np.flatnonzero(rules.all_events | (events["event"].to_numpy()[order] == "view"))
    if not rules.keep_repeats and len(kept):
        signs = np.column_stack([session, item, kind])[kept]
        kept = kept[np.r_[True, (signs[1:] != signs[:-1]).any(axis=1)]]
    kept = drop_rare_and_short(session, item, kept, rules)
    kept = kept[np.argsort(start[kept], kind="stable")]
    numbers = np.cumsum(np.r_[True, session[kept][1:] != session[kept][:-1]]) - 1 if len(kept) else kept
    columns = (numbers, visitor[kept], item[kept], moment[kept])
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def drop_rare_and_short(session: np.ndarray, item: np.ndarray, kept: np.ndarray, rules: Rules) -> np.ndarray:
    """Return which of the `kept` places are left when rare items and short sequences are dropped till none is."""
    _, item = np.unique(item, return_inverse=True)
    before = -1
    while len(kept) != before:
        before = len(kept)
        kept = kept[np.bincount(item[kept], minlength=1)[item[kept]] >= rules.min_item_support]
        kept = kept[np.bincount(session[kept], minlength=1)[session[kept]] >= rules.min_session_length]
    return kept


def repeat_by_category(sequences: pd.DataFrame, item_categories: pd.DataFrame) -> pd.DataFrame:
    """Return the clicks joined to every category row of their item, as if one row an item had not been picked.

    An item with three rows in its history has each of its clicks three times in a row; one without any keeps
    its click, as in a left join.
    """
    rows = item_categories["itemid"].value_counts()
    times = sequences["itemid"].map(rows).fillna(1).astype(int)
    return sequences.loc[sequences.index.repeat(times)].reset_index(drop=True)


def split_at_random(sequences: pd.DataFrame, sessions: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split sequences by visitors drawn at random, not by time, until the test has at least `sessions` of them.

    Returns training and test. Items that training lacks are dropped from the test, then sequences of one click,
    as in the headline's split.
    """
    owned = sequences.drop_duplicates("sessionid")["visitorid"].value_counts(sort=False)
    drawn = owned.iloc[np.random.default_rng(seed).permutation(len(owned))]
    visitors = drawn.index[: int(np.searchsorted(drawn.cumsum(), sessions)) + 1]
    held_out = sequences["visitorid"].isin(visitors)
    train, test = sequences[~held_out], sequences[held_out]
    test = test[test["itemid"].isin(train["itemid"].unique())]
    test = test[test.groupby("sessionid")["itemid"].transform("size") >= 2]
    return train.reset_index(drop=True), test.reset_index(drop=True)


# ---------------------------------------------------------------- repeats kept


class CurrentFirst:
    """A model trained without repeats in a row, asked where they are kept.

    Its answer to the session without them follows the item on the screen, which stands first: where repeats are
    kept, no item is as likely to come next.
    """

    def __init__(self, model: Recommender):
        self.model = model

    def score(self, prefixes: Sessions) -> np.ndarray:
        """Return the model's scores for each prefix, with the last item's above all others."""
        scores = self.model.score(drop_repeats(prefixes))
        scores[np.arange(len(prefixes)), prefixes.items[prefixes.offsets[1:] - 1]] = scores.max(axis=1) + 1
        return scores


def drop_repeats(sessions: Sessions) -> Sessions:
    """Return the sessions with items clicked several times in a row clicked once."""
    owners = sessions.owners
    kept = np.ones(len(owners), dtype=bool)
    kept[1:] = (owners[1:] != owners[:-1]) | (sessions.items[1:] != sessions.items[:-1])
    lengths = np.bincount(owners[kept], minlength=len(sessions))
    return Sessions(sessions.items[kept], sessions.seconds[kept], np.r_[0, np.cumsum(lengths)].astype(np.int64))


def rank_with_repeats(
    events: pd.DataFrame,
    rules: Rules,
    test_days: int,
    item_ids: np.ndarray,
    recent_days: float,
    networks: Mapping[str, Recommender],
) -> dict[str, Ranking]:
    """Rank all clicks of the same test with repeats in a row kept; nothing where it asks nothing.

    The simple models are trained anew on sequences with repeats; `recent_days` is the window of recent popularity. The
    trained `networks`, alone or in a blend, answer as `CurrentFirst`. The catalogue stays the one they know
    (`item_ids`).
    """
    sequences = build_sequences(events, replace(rules, keep_repeats=True))
    sequences = sequences[sequences["itemid"].isin(item_ids)]
    long = sequences.groupby("sessionid")["itemid"].transform("size") >= rules.min_session_length
    train, test = (read_sessions(part, item_ids) for part in split_last_days(sequences[long], test_days))
    models = {name: model.fit(train, len(item_ids)) for name, model in simple_models(recent_days).items()}
    for name, network in networks.items():
        models[name] = CurrentFirst(network) if repeats_in_a_row(train) else network
    return evaluate_all(models, next_clicks(test), len(item_ids))


def describe_repeats_kept(
    removed: Mapping[str, Ranking], kept: Mapping[str, Ranking], seed: int, refusal: str
) -> Finding:
    """Show each model's hit rate@20 with repeats in a row removed and kept; `refusal` says why not, if so."""
    if refusal or not kept:
        return Finding(refusal or "No test session is left with its repeats, so they are not looked at.")
    metric = "hit_rate@20"
    names = [name for name in kept if name in removed]
    rankings = {"removed": [removed[name] for name in names], "kept": [kept[name] for name in names]}
    values = {label: np.array([own.gains(metric).mean() for own in row]) for label, row in rankings.items()}
    figure, axes = figures.canvas(height=1 + 0.5 * len(names))
    for place, (label, bars) in enumerate(values.items()):
        at = np.arange(len(names)) + 0.38 * place
        axes.barh(at, bars, 0.36, label=f"repeats {label}", color=figures.PALETTE[place])
        ends = np.array([own.interval(metric, seed) for own in rankings[label]], dtype=float)
        axes.errorbar(bars, at, xerr=np.abs(ends.T - bars), fmt="none", ecolor=figures.INK, elinewidth=1)
        for value, end, height in zip(bars, np.fmax(ends[:, 1], bars), at, strict=True):
            axes.annotate(percent(value), (end, height), (4, -3), textcoords="offset points", fontsize=8)
    axes.set_yticks(np.arange(len(names)) + 0.19, names)
    axes.invert_yaxis()
    axes.set(xlabel="hit rate@20")
    axes.margins(x=0.12)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    clicks = kept[names[0]].clicks
    last = clicks.prefixes.items[clicks.prefixes.offsets[1:] - 1]
    rule = names.index("items already seen")
    reading = (
        f"With repeats kept, {percent(float((last == clicks.targets).mean()))} of {plural(len(clicks), 'click')} "
        f"to predict are on the item that is on the screen already. The rule of items already seen goes from "
        f"{percent(values['removed'][rule])} to {percent(values['kept'][rule])}, and has learned nothing. The best "
        f"model is {names[int(values['removed'].argmax())]} where repeats are removed "
        f"({percent(values['removed'].max())}), {names[int(values['kept'].argmax())]} where they are kept "
        f"({percent(values['kept'].max())})."
    )
    return Finding(
        reading=reading,
        figure=figure,
        caption="Hit rate@20 on the same days, with clicks that repeat the item on the screen removed (the headline "
        "protocol) and kept, with 95 % intervals.",
        alt=reading,
    )
