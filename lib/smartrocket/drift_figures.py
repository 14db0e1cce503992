"""What the watch for drift found: the figure, the table of what moved, and the sentences for this shop."""

import numpy as np
import pandas as pd
from IPython.display import HTML

from smartrocket import figures
from smartrocket.drift import LIMITS, MOST_WEEKS, REFERENCE_WEEKS, relate
from smartrocket.findings import Finding, escape_markdown
from smartrocket.results import Results
from smartrocket.tables import table
from smartrocket.wording import joined, number, percent, plural, write_date

GROUPS = ("traffic", "catalogue", "features", "prediction error")
STATES = {
    "stable": ("nothing to see", figures.MUTED),
    "watch": ("worth watching", figures.PALETTE[1]),
    "drift": ("drift", figures.PALETTE[7]),
}
MOST_NAMES = 3
MOST_ROWS = 12
TALLEST = 3.0
"""Sizes beyond this multiple of the limit are drawn at it."""


def show_drift(compared: pd.DataFrame) -> Finding:
    """Show every comparison of `drift.watch` by week, one panel a group, and say what drifted."""
    if compared.empty:
        return Finding(
            f"To tell drift takes at least {REFERENCE_WEEKS + 1} whole weeks with enough in each; this log has less."
        )
    groups = [group for group in GROUPS if (compared["group"] == group).any()]
    figure, panels = figures.canvas(8, 3.4, columns=len(groups))
    size = np.minimum(np.abs(relate(compared["measure"], compared["size"])), TALLEST)
    weeks = sorted(compared["week"].unique())
    places = {week: place for place, week in enumerate(weeks)}
    for axes, group in zip(np.atleast_1d(panels), groups, strict=True):
        inside = (compared["group"] == group).to_numpy()
        for state, (name, colour) in STATES.items():
            rows = inside & (compared["state"] == state).to_numpy()
            # Side by side within a week, so that dots of many series can be told apart.
            order = compared[inside].groupby("week").cumcount().reindex(compared.index)
            spread = (order / order.max() - 0.5) * 0.5 if order.max() > 0 else order * 0.0
            across = compared["week"].map(places) + spread
            axes.scatter(across[rows], size[rows], s=12 if state == "stable" else 30, color=colour, label=name)
        axes.axhline(1, color=figures.PALETTE[7], linewidth=0.9, linestyle="--")
        axes.set_title(group, fontsize=10)
        shown = range(0, len(weeks), max(1, len(weeks) // 2))
        axes.set_xticks(shown, [f"{weeks[place].day} {weeks[place]:%b}" for place in shown])
        axes.set(ylim=(-0.1, max(1.3, size.max() * 1.1)), xlim=(-0.6, len(weeks) - 0.4))
        if axes is not np.atleast_1d(panels)[0]:
            axes.set_yticklabels([])
    np.atleast_1d(panels)[0].set_ylabel("size of the change (1: limit of drift)")
    handles, names = np.atleast_1d(panels)[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=3)
    reading = describe_drift(compared)
    return Finding(
        reading=reading,
        figure=figure,
        caption="Each dot compares one series in one week, named by its first day, with the "
        f"{REFERENCE_WEEKS} weeks before. Above the dashed line a change is large. It is marked only where a test is "
        f"sure of it too. Sizes beyond {TALLEST:.0f} times the limit are drawn at it.",
        alt=f"Dots by week in {plural(len(groups), 'panel')}. {reading}",
    )


def describe_drift(compared: pd.DataFrame) -> str:
    """Say what drifted, group by group, and what is worth watching."""
    weeks, series = compared["week"].nunique(), compared[["group", "series"]].drop_duplicates().shape[0]
    made = (
        f"{plural(len(compared), 'comparison')} of {number(series)} series in up to {plural(weeks, 'week')}, the last "
        f"from {write_date(compared['week'].max())} on."
    )
    found = [describe_state(compared[compared["state"] == state], state) for state in ("drift", "watch")]
    if not any(found):
        return f"{made} **None shows drift**, and none is worth watching: what differs is small, or can be chance."
    calm = [group for group in GROUPS if group in set(compared["group"]) and is_calm(compared, group)]
    rest = f" Nothing moved in {joined([f'the {group}' for group in calm])}." if calm else ""
    return " ".join([made, *filter(None, found)]) + rest


def is_calm(compared: pd.DataFrame, group: str) -> bool:
    """Whether all comparisons of a group are stable."""
    return bool((compared.loc[compared["group"] == group, "state"] == "stable").all())


def describe_state(rows: pd.DataFrame, state: str) -> str:
    """Say which series are in a state, and since when; empty where none is."""
    if rows.empty:
        return ""
    parts = []
    for group in GROUPS:
        inside = rows[rows["group"] == group]
        if inside.empty:
            continue
        largest = inside.assign(relative=np.abs(relate(inside["measure"], inside["size"])))
        largest = largest.sort_values("relative", ascending=False).drop_duplicates("series")
        names = [describe_row(row) for row in largest.head(MOST_NAMES).itertuples()]
        more = len(largest) - len(names)
        names += [f"{more} more"] if more > 0 else []
        parts.append(f"in the {group} {joined(names)}")
    return f"{'**Drift**' if state == 'drift' else 'Worth watching'}: {'; '.join(parts)}."


def describe_row(row: object) -> str:
    """Name a series with the week of its largest change and how large that is."""
    change = f"by {percent(abs(row.size), 0)}" if row.measure == "change" else f"PSI {row.size:.2f}"
    direction = ("up " if row.size > 0 else "down ") if row.measure == "change" else ""
    name = escape_markdown(row.series)
    return f"{name} ({direction}{change} in the week from {row.week.day} {row.week:%B} on)"


def drift_table(compared: pd.DataFrame) -> HTML:
    """Show the largest of the changes that are marked, the latest week first; a sentence where there is none."""
    marked = compared[compared["state"] != "stable"]
    if marked.empty:
        return HTML('<p class="finding-absent">No series is marked in any week.</p>')
    marked = marked.assign(relative=np.abs(relate(marked["measure"], marked["size"])))
    marked = marked.nlargest(MOST_ROWS, "relative", keep="first").sort_values(["week", "relative"], ascending=False)
    frame = pd.DataFrame(
        {
            "series": marked["series"],
            "week from": marked["week"].dt.strftime("%Y-%m-%d"),
            "measure": marked["measure"],
            "size": marked["size"],
            "weeks before": marked["before"],
            "this week": marked["now"],
            "verdict": [STATES[state][0] for state in marked["state"]],
        }
    )
    return table(frame, f"The largest changes that are marked, {MOST_ROWS} at most", {"size": ".2f"})


def record_drift(results: Results, compared: pd.DataFrame) -> None:
    """Write down how many comparisons were made, how many drifted, and in which groups in the last week."""
    results.fact("drift_comparisons", len(compared), unit="comparisons")
    results.fact("drift_weeks", compared["week"].nunique(), unit="weeks")
    for state in ("drift", "watch"):
        results.fact(f"drift_{state}", int((compared["state"] == state).sum()), unit="comparisons")
    last = compared[(compared["week"] == compared["week"].max()) & (compared["state"] == "drift")]
    groups = [group for group in GROUPS if (last["group"] == group).any()]
    results.fact("drift_last_week", joined(groups) or "nothing", unit="groups")
    results.fact("drift_limit", LIMITS["PSI"][1], unit="PSI")
    results.fact("drift_most_weeks", MOST_WEEKS, unit="weeks")
