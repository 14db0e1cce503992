"""How a network reads a session click by click, and where its lists miss: day by day, and miss by miss."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.identifiers import NO_CATEGORY
from smartrocket.model_export import BrowserNetwork
from smartrocket.privacy import disguise
from smartrocket.ranking import LIST_LENGTH, NextClicks, Ranking, Sessions, mask_interval
from smartrocket.wording import joined, number, percent, plural, write_date

CLICKS_SHOWN = 4
SUGGESTIONS_SHOWN = 3
CELLS = 32
"""So many numbers of a state are drawn."""

MISSES_SHOWN = 4
FEW_CLICKS = 10
"""An item that training clicked less often than this is called rare."""


@dataclass(frozen=True)
class Step:
    """One click: the item's number, the part of the memory that was kept, the state after it, the best items."""

    item: int
    kept: float
    state: np.ndarray
    listed: np.ndarray


def trace(network: BrowserNetwork, session: np.ndarray) -> list[Step]:
    """Return what the network does at each click of a session (item numbers, oldest first)."""
    state = np.zeros(network.arrays["state_gates"].shape[1], dtype=np.float32)
    steps = []
    for place, item in enumerate(session, 1):
        update, _ = network.open_gates(state, int(item))
        state = network.step(state, int(item))
        listed = network.list_items(session[:place], SUGGESTIONS_SHOWN)
        steps.append(Step(int(item), float(update.mean()), state, listed))
    return steps


def choose_session(sessions: Sessions) -> np.ndarray:
    """Return the items of the first session with as many clicks as are drawn, or of the longest one below that."""
    lengths = np.minimum(sessions.lengths, CLICKS_SHOWN)
    if not len(lengths):
        return np.empty(0, dtype=np.int64)
    return sessions.take(np.array([int(np.argmax(lengths))])).items[:CLICKS_SHOWN]


def draw_reading(network: BrowserNetwork, sessions: Sessions) -> Finding:
    """Draw how the network reads one test session: clicks above, its memory in the middle, its lists below."""
    session = choose_session(sessions)
    if len(session) < 2:
        return Finding("The test holds no session of two clicks, so there is none to draw.")
    steps, ids = trace(network, session), network.item_ids
    count = len(steps)
    figure, axes = figures.canvas(8, 3.5)
    axes.set(xlim=(-0.02, count), ylim=(0, 1))
    axes.axis("off")
    shown = min(CELLS, len(steps[0].state))
    largest = max(float(np.abs(step.state[:shown]).max()) for step in steps) or 1.0
    for place, step in enumerate(steps):
        middle = place + 0.42
        axes.add_patch(figures.box(place + 0.05, 0.83, 0.74, 0.15, figures.PALETTE[1]))
        axes.text(middle, 0.905, f"click {place + 1}: item {ids[step.item]}", ha="center", va="center", size=9)
        axes.add_patch(figures.arrow((middle, 0.82), (middle, 0.67)))
        draw_state(axes, step.state[:shown] / largest, place + 0.05, 0.52)
        axes.add_patch(figures.arrow((middle, 0.5), (middle, 0.36)))
        axes.add_patch(figures.box(place + 0.05, 0.02, 0.74, 0.33, figures.PALETTE[0]))
        following = session[place + 1] if place + 1 < count else None
        for line, item in enumerate(step.listed):
            mark = " ✓" if following is not None and item == following else ""
            text = f"{line + 1}. item {ids[item]}{mark}"
            axes.text(place + 0.1, 0.29 - 0.1 * line, text, va="center", size=9, color=figures.INK)
        if place:
            axes.add_patch(figures.arrow((place - 0.19, 0.59), (place + 0.03, 0.59)))
            axes.text(place - 0.08, 0.69, f"keeps\n{percent(step.kept, 0)}", ha="center", size=7.5, color=figures.MUTED)
    return Finding(
        figure=figure,
        wide=True,
        caption=f"A test session as the network reads it. Each small bar is one of the first {shown} numbers of its "
        "memory: above the line it is positive, below negative.",
        alt=f"The network reads {plural(count, 'click')}; after each it keeps a part of its memory and ranks all items "
        "anew.",
        reading=describe_reading(steps, session, ids),
    )


def draw_state(axes: Axes, state: np.ndarray, left: float, bottom: float) -> None:
    """Draw the numbers of a state, from -1 to 1, as small bars in a box."""
    axes.add_patch(figures.box(left, bottom, 0.74, 0.14))
    places = left + 0.03 + np.arange(len(state)) * (0.68 / max(len(state), 1))
    colours = np.where(state > 0, figures.PALETTE[2], figures.PALETTE[3])
    axes.bar(places, state * 0.06, width=0.5 / max(len(state), 1), bottom=bottom + 0.07, color=colours, align="edge")


def describe_reading(steps: Sequence[Step], session: np.ndarray, ids: np.ndarray) -> str:
    """Say what the network did at the clicks of a session, and whether its lists held the next click."""
    kept = [percent(step.kept, 0) for step in steps[1:]]
    found = [
        place + 1
        for place, step in enumerate(steps[:-1])
        if int(session[place + 1]) in step.listed.astype(int).tolist()
    ]
    after = joined([f"click {place}" for place in found])
    hit = (
        f"The item clicked next was among the first {SUGGESTIONS_SHOWN} after {after}."
        if found
        else f"The item clicked next was never among the first {SUGGESTIONS_SHOWN}; whether it was among the first "
        f"{LIST_LENGTH} is what the hit rate counts."
    )
    return (
        f"The session opens with item {ids[steps[0].item]}. With each further click the network keeps a part of every "
        f"number of its memory, on average {joined(kept)}, and fills the rest with what the click tells it. {hit}"
    )


# ---------------------------------------------------------------- where the lists miss


def score_test_days(rankings: dict[str, Ranking], starts: pd.Series, models: Sequence[str], seed: int) -> pd.DataFrame:
    """Return the hit rate@20 of some models by day of the test: date, model, clicks, value, low, high.

    `starts` is the time at which each test session starts, by its number.
    """
    rows = []
    for model in models:
        ranking = rankings[model]
        days = starts.dt.floor("D").to_numpy()[ranking.clicks.session]
        gains = ranking.gains(f"hit_rate@{LIST_LENGTH}")
        for day in np.unique(days):
            mask = days == day
            low, high = mask_interval(gains, mask, ranking.clicks.session, seed)
            rows.append((pd.Timestamp(day), model, int(mask.sum()), float(gains[mask].mean()), low, high))
    days = pd.DataFrame(rows, columns=["date", "model", "clicks", "value", "low", "high"])
    # Where no day holds enough sessions for an interval, there is no number by which pandas could tell the type.
    return days.astype({"low": float, "high": float})


def show_test_days(days: pd.DataFrame, refusal: str) -> Finding:
    """Draw the hit rate by day of the test, and say how much it moves; `refusal` says why nothing is shown."""
    if refusal or days.empty:
        return Finding(refusal or "The test asks nothing, so there are no days to compare.")
    figure, axes = figures.canvas(8, 3)
    names = list(dict.fromkeys(days["model"]))
    for place, name in enumerate(names):
        own = days[days["model"] == name]
        axes.plot(own["date"], own["value"], "o-", color=figures.PALETTE[place], label=name)
        banded = own.dropna(subset=["low", "high"])
        axes.fill_between(banded["date"], banded["low"], banded["high"], color=figures.PALETTE[place], alpha=0.12)
    axes.set(ylabel="hit rate@20", ylim=(0, 1))
    axes.legend(ncols=2, loc="upper left", fontsize=8)
    figures.draw_dates(axes)
    return Finding(
        figure=figure,
        caption="Hit rate@20 by the day on which the test session starts (UTC), with 95 % intervals.",
        alt=f"The hit rate@20 of {joined(names)} by day of the test.",
        reading=compare_days(days[days["model"] == names[0]]),
    )


def compare_days(days: pd.DataFrame) -> str:
    """Say how far one model's best and worst day are apart; days with too few sessions for an interval are left out."""
    sure = days.dropna(subset=["low", "high"])
    if len(sure) < 2:
        return "No two days of the test hold enough sessions to be compared."
    best, worst = sure.loc[sure["value"].idxmax()], sure.loc[sure["value"].idxmin()]
    meaning = (
        "Their intervals do not overlap: that is more than chance explains."
        if best.low > worst.high
        else "Their intervals overlap, so chance may explain it."
    )
    shares = [f"{percent(day.value)} of {plural(int(day.clicks), 'click')}" for day in (worst, best)]
    return (
        f"Of the {plural(len(sure), 'day')} with enough sessions for an interval, {write_date(worst.date)} is the "
        f"hardest for {worst.model}, with {shares[0]}, and {write_date(best.date)} the easiest, with {shares[1]}. "
        f"{meaning}"
    )


def find_misses(ranking: Ranking) -> np.ndarray:
    """Return the test clicks (numbers) that the model ranked worst, of different sessions, the worst first.

    A click on the item that is on the screen already comes after all others: the lists leave it out on purpose.
    """
    clicks = ranking.clicks
    on_screen = clicks.prefixes.items[clicks.prefixes.offsets[1:] - 1] == clicks.targets
    order = np.lexsort((-ranking.ranks, on_screen))
    order = order[ranking.ranks[order] > LIST_LENGTH]
    _, first = np.unique(ranking.clicks.session[order], return_index=True)
    return order[np.sort(first)][:MISSES_SHOWN]


def describe_misses(
    ranking: Ranking | None,
    train: Sessions,
    item_ids: np.ndarray,
    kinds: np.ndarray,
    refusal: str,
    is_disguised: bool = False,
) -> str:
    """Say of the worst misses, one by one, what was clicked, where it stood, and what training knew of it.

    `kinds` is the top category of each item, or `NO_CATEGORY`. The last paragraph counts how many of all misses have
    which of these reasons. Disguised, items go by letters that begin anew with each miss. Returns Markdown.
    """
    if refusal or ranking is None or not len(ranking.ranks):
        return refusal or "The test asks nothing, so there is no miss to look at."
    support = np.bincount(train.items, minlength=len(item_ids))
    together = list_neighbours(train)
    missed = np.flatnonzero(ranking.ranks > LIST_LENGTH)
    if not len(missed):
        return f"No test click is missed: every next item is among the first {LIST_LENGTH}."
    lines = [
        describe_miss(ranking.clicks, ranking.ranks, click, item_ids, support, kinds, together, is_disguised)
        for click in find_misses(ranking)
    ]
    counted = {"on the screen": 0, "rare": 0, "new pair": 0, "other category": 0}
    for click in missed:
        for reason in list_reasons(ranking.clicks, click, support, kinds, together):
            counted[reason] += 1
    numbered = "\n".join(f"{place}. {line}" for place, line in enumerate(lines, 1))
    unknown = "" if (kinds != NO_CATEGORY).any() else " No category is known, so the last count is zero."
    return (
        f"{numbered}\n\nOf all {plural(len(missed), 'miss', 'misses')}: {number(counted['on the screen'])} on the item "
        f"that was on the screen already; {number(counted['rare'])} on an item with fewer than {FEW_CLICKS} clicks in "
        f"the training; {number(counted['new pair'])} on one that no training session holds together with any item of "
        f"the visit so far; {number(counted['other category'])} on one of another top category than the click before. "
        f"A miss may count in more than one of these.{unknown}"
    )


def list_neighbours(train: Sessions) -> dict[int, set[int]]:
    """Return for each item the items that share a training session with it."""
    found: dict[int, set[int]] = {}
    for start, end in zip(train.offsets[:-1], train.offsets[1:], strict=True):
        items = set(train.items[start:end].tolist())
        for item in items:
            found.setdefault(item, set()).update(items)
    return found


def list_reasons(
    clicks: NextClicks, click: int, support: np.ndarray, kinds: np.ndarray, together: dict[int, set[int]]
) -> list[str]:
    """Return which reasons for a miss hold: "on the screen", "rare", "new pair", "other category"."""
    seen = clicks.prefixes.items[clicks.prefixes.offsets[click] : clicks.prefixes.offsets[click + 1]].tolist()
    target = int(clicks.targets[click])
    reasons = ["on the screen"] if target == seen[-1] else []
    if support[target] < FEW_CLICKS:
        reasons.append("rare")
    if target not in seen and not together.get(target, set()).intersection(seen):
        reasons.append("new pair")
    if NO_CATEGORY not in (kinds[target], kinds[seen[-1]]) and kinds[target] != kinds[seen[-1]]:
        reasons.append("other category")
    return reasons


def describe_miss(
    clicks: NextClicks,
    ranks: np.ndarray,
    click: int,
    item_ids: np.ndarray,
    support: np.ndarray,
    kinds: np.ndarray,
    together: dict[int, set[int]],
    is_disguised: bool = False,
) -> str:
    """Say of one miss what the visitor had seen, what was opened next, where it stood, and what may explain it."""
    seen = clicks.prefixes.items[clicks.prefixes.offsets[click] : clicks.prefixes.offsets[click + 1]][-CLICKS_SHOWN:]
    target = int(clicks.targets[click])
    reasons = list_reasons(clicks, click, support, kinds, together)
    clauses = {
        "on the screen": "it was the item on the screen already",
        "rare": f"training has only {plural(int(support[target]), 'click')} on it",
        "new pair": "no training session holds it together with any item of the visit",
        "other category": "it is of another top category than the click before",
    }
    why = "; ".join(clauses[reason] for reason in reasons)
    why = f"{why[:1].upper()}{why[1:]}." if why else "Nothing in the training says why: others simply fit better."
    clicked = [*seen.tolist(), target]
    names = disguise(clicked) if is_disguised else {item: str(item_ids[item]) for item in clicked}
    return (
        f"After {' → '.join(f'item {names[item]}' for item in seen.tolist())} came **item {names[target]}**, in place "
        f"{number(int(ranks[click]))} of {number(len(item_ids))}. {why}"
    )
