"""Where recommenders do well: by the place in the session, its length, the item's popularity, and repeats."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.ranking import (
    LEAST_SESSIONS,
    NextClicks,
    Ranking,
    Sessions,
    bootstrap_means,
    contrast_interval,
    percentile_interval,
)
from smartrocket.results import Results
from smartrocket.wording import percent, plural, points

METRIC = "hit_rate@20"
Slices = Mapping[str, np.ndarray]
"""Names of slices and their masks over the clicks to predict."""

POPULARITY = ["most clicked quarter", "second quarter", "third quarter", "least clicked quarter"]


def repeat_slices(clicks: NextClicks) -> Slices:
    """Return the masks of clicks on items new to their session and on items seen in it before."""
    return {"new target": ~clicks.repeat, "repeat target": clicks.repeat}


def position_slices(clicks: NextClicks, last: int = 8) -> Slices:
    """Return the masks of clicks by the number of clicks seen before them, the last one open-ended."""
    slices = {f"after {place}": clicks.position == place for place in range(1, last)}
    return {**slices, f"after {last}+": clicks.position >= last}


def length_slices(clicks: NextClicks) -> Slices:
    """Return the masks of clicks by the length of their whole session: 2, 3, 4, 5 to 7, 8 to 15, 16 and more.

    How long a session will be is not known when a list is made: this only tells long visits from short ones.
    """
    sessions, owners = np.unique(clicks.session, return_inverse=True)
    longest = np.zeros(len(sessions), dtype=np.int64)
    np.maximum.at(longest, owners, clicks.position + 1)
    length = longest[owners]
    ends = [(2, 2), (3, 3), (4, 4), (5, 7), (8, 15), (16, None)]
    return {
        f"{low} clicks" if low == high else f"{low} to {high}" if high else f"{low} or more": (length >= low)
        & (length <= (high or length.max(initial=low)))
        for low, high in ends
    }


def popularity_slices(clicks: NextClicks, train: Sessions, item_count: int) -> Slices:
    """Return the masks of clicks by the popularity of the item clicked next.

    The items, the most clicked first, are dealt into four groups that hold about a quarter of the training
    clicks each: the first has few items, the last has most of them.
    """
    counts = np.bincount(train.items, minlength=item_count)
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    quarter = np.empty(item_count, dtype=np.int64)
    quarter[order] = np.minimum(4 * before // max(counts.sum(), 1), 3)
    return {name: quarter[clicks.targets] == place for place, name in enumerate(POPULARITY)}


def slice_frame(rankings: Mapping[str, Ranking], slices: Slices, seed: int, metric: str = METRIC) -> pd.DataFrame:
    """Return each model's metric on each slice that is not empty, with its 95 % interval over sessions.

    Columns: model, slice, clicks, sessions, value, low, high; low and high are None with fewer than
    `LEAST_SESSIONS` sessions.
    """
    columns = ["model", "slice", "clicks", "sessions", "value", "low", "high"]
    slices = {name: mask for name, mask in slices.items() if mask.any()}
    if not rankings or not slices:
        return pd.DataFrame(columns=columns)
    session = next(iter(rankings.values())).clicks.session
    masks = np.column_stack(list(slices.values()))
    sessions = [len(np.unique(session[mask])) for mask in masks.T]
    gains = {name: ranking.gains(metric) for name, ranking in rankings.items()}
    # All models and slices at once: the sessions have to be drawn a single time.
    every_gain = np.column_stack([np.repeat(values[:, None], len(slices), axis=1) for values in gains.values()])
    means = bootstrap_means(every_gain, np.tile(masks, len(gains)), session, seed)
    rows = []
    for column, (model, name) in enumerate((model, name) for model in gains for name in slices):
        place = column % len(slices)
        interval = percentile_interval(means[:, column]) if sessions[place] >= LEAST_SESSIONS else (None, None)
        value = float(gains[model][masks[:, place]].mean())
        rows.append([model, name, int(masks[:, place].sum()), sessions[place], value, *interval])
    return pd.DataFrame(rows, columns=columns)


def draw_slices(frames: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """Draw the values of slice frames with their intervals, one panel for each frame (label of its axis -> frame)."""
    figure, axes = figures.canvas(height=3.6, columns=len(frames))
    top = max(frame[["value", "high"]].max().max() for frame in frames.values())
    for axis, (label, frame) in zip(np.atleast_1d(axes), frames.items(), strict=True):
        names = list(dict.fromkeys(frame["slice"]))
        models = list(dict.fromkeys(frame["model"]))
        for place, model in enumerate(models):
            rows = frame[frame["model"] == model]
            at = rows["slice"].map(names.index) + 0.09 * (place - (len(models) - 1) / 2)
            whiskers = np.abs(rows[["low", "high"]].to_numpy(float).T - rows["value"].to_numpy())
            colour = figures.PALETTE[place]
            axis.errorbar(at, rows["value"], yerr=whiskers, marker="o", markersize=3.5, color=colour, label=model)
        axis.set_xticks(range(len(names)), names, rotation=35, ha="right", fontsize=8)
        axis.set(xlabel=label, ylim=(0, 1.05 * float(top)))
    first = np.atleast_1d(axes)[0]
    first.set(ylabel=title)
    figure.legend(*first.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def enough(clicks: NextClicks, slices: Slices) -> Slices:
    """Return the slices that hold enough sessions for an interval."""
    return {name: mask for name, mask in slices.items() if len(np.unique(clicks.session[mask])) >= LEAST_SESSIONS}


def choose(rankings: Mapping[str, Ranking], models: Sequence[str]) -> dict[str, Ranking]:
    """Return the rankings of the named models, in that order."""
    return {name: rankings[name] for name in models if name in rankings}


def compare_positions(rankings: Mapping[str, Ranking], models: Sequence[str], seed: int, refusal: str) -> Finding:
    """Show the hit rate@20 of the named models by the number of clicks seen, and whether the first one's rises.

    Numbers of clicks that too few sessions have for an interval are left out. `refusal` says why nothing is
    compared, if so.
    """
    if refusal:
        return Finding(refusal)
    clicks = next(iter(rankings.values())).clicks
    slices = enough(clicks, position_slices(clicks))
    if len(slices) < 2:
        return Finding("Too few sessions are long enough to say whether more clicks help.")
    shown = choose(rankings, models)
    frame = slice_frame(shown, slices, seed)
    reading = describe_change(shown[models[0]], models[0], slices, seed)
    reading = reading[0].upper() + reading[1:]
    return Finding(
        figure=draw_slices({"clicks of the session seen": frame}, "hit rate@20"),
        caption="Hit rate@20 by the number of clicks seen before the prediction, with 95 % intervals.",
        alt=reading,
        reading=reading,
    )


def compare_groups(
    rankings: Mapping[str, Ranking], models: Sequence[str], train: Sessions, seed: int, refusal: str
) -> Finding:
    """Show the hit rate@20 of the named models by the length of the session and the popularity of the next item.

    `refusal` says why nothing is compared, if so.
    """
    if refusal:
        return Finding(refusal)
    shown = choose(rankings, models)
    first = shown[models[0]]
    lengths = enough(first.clicks, length_slices(first.clicks))
    popularity = enough(first.clicks, popularity_slices(first.clicks, train, first.item_count))
    if min(len(lengths), len(popularity)) < 2:
        return Finding("Too few sessions are in this test to compare kinds of sessions and of items.")
    panels = {"clicks of the whole session": lengths, "popularity of the next item": popularity}
    readings = [f"By {label}: {describe_change(first, models[0], slices, seed)}" for label, slices in panels.items()]
    return Finding(
        figure=draw_slices(
            {label: slice_frame(shown, slices, seed) for label, slices in panels.items()}, "hit rate@20"
        ),
        caption="Hit rate@20 by the length of the session and by the popularity of the item clicked next, with 95 % "
        "intervals. Each quarter of items holds about a quarter of the training clicks.",
        alt=" ".join(readings),
        reading=" ".join(readings),
    )


def describe_change(ranking: Ranking, model: str, slices: Slices, seed: int) -> str:
    """Say whether a model's hit rate@20 rises from the first to the last slice, beyond chance."""
    gains = ranking.gains(METRIC)
    (first, before), *_, (last, after) = slices.items()
    low, high = contrast_interval(gains, ranking.clicks.session, before, after, seed)
    verdict = "no clear change" if low <= 0 <= high else "it rises" if low > 0 else "it falls"
    ends = [
        f"{percent(gains[mask].mean())} ({name.replace('+', ' or more')}, {plural(int(mask.sum()), 'case')})"
        for name, mask in ((first, before), (last, after))
    ]
    return (
        f"{verdict}; {model} goes from {ends[0]} to {ends[1]}, a difference of "
        f"{points(gains[after].mean() - gains[before].mean())} percentage points "
        f"(95 % interval {points(low)} to {points(high)})."
    )


def record_slices(
    results: Results, rankings: Mapping[str, Ranking], train: Sessions, seed: int, metrics: Sequence[str] = (METRIC,)
) -> None:
    """Write every model's scores by position, session length and popularity, each as scores of a task of its own."""
    if not rankings:
        return
    first = next(iter(rankings.values()))
    kinds = {
        "position": position_slices(first.clicks),
        "session length": length_slices(first.clicks),
        "popularity": popularity_slices(first.clicks, train, first.item_count),
    }
    for kind, slices in kinds.items():
        for metric in metrics:
            for row in slice_frame(rankings, slices, seed, metric).to_dict("records"):
                ends = (None if pd.isna(row[end]) else row[end] for end in ("low", "high"))
                results.score(f"recommendation by {kind}", row["model"], row["slice"], metric, row["value"], *ends)
