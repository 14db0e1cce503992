"""The published figures beside a log's own: tables, a drawing and sentences from what `published` counts."""

import math

import ibis
import numpy as np
import pandas as pd
from IPython.display import HTML
from matplotlib.axes import Axes

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.published import DAYS, FIGURES, HOURS, RHYTHM_TOLERANCES, find_differences, measure_rhythm
from smartrocket.shop_design import ShopDesign
from smartrocket.tables import table
from smartrocket.wording import joined, number, percent

TITLES = {
    "count": "How many: counts",
    "share": "Which part: shares, with differences in percentage points",
    "amount": "How much: means, and what most do not exceed",
}
FORMATS = {
    "count": dict.fromkeys(["published", "here", "difference", "allowed ±"], ",.0f"),
    "share": {"published": ".2%", "here": ".2%", "difference": ".2f", "allowed ±": ".2f"},
    "amount": {},
}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def draw_comparison(raw_events: ibis.Table, comparison: pd.DataFrame) -> Finding:
    """Draw the log's hours and weekdays beside the published ones, and say how many figures agree.

    `raw_events` has `timestamp` in milliseconds and `event`; `comparison` is from `published.compare_log`.
    """
    if comparison.empty:
        return Finding(
            "The published figures are those of RetailRocket's whole log. This log is not that one, and it was not "
            "made to be like it, so they say nothing about it."
        )
    rhythm = measure_rhythm(raw_events)
    figure, panels = figures.canvas(8, 4.6, rows=2, columns=2)
    sentences = [read_comparison(comparison)]
    for row, (what, tolerance) in zip(panels, RHYTHM_TOLERANCES.items(), strict=True):
        farthest = {}
        for axes, name, published in zip(row, ("hour", "weekday"), (HOURS, DAYS), strict=True):
            pair = [counts.sum(axis=0) if what == "events" else counts[2] for counts in (published, rhythm[name])]
            shares = [100 * counts / max(counts.sum(), 1) for counts in pair]
            draw_pair(axes, *shares)
            axes.set_title(f"{what.capitalize()} by {name}")
            farthest[name] = float(np.abs(shares[1] - shares[0]).max())
        row[0].set_ylabel("share (%)")
        verdict = "within" if max(farthest.values()) <= 100 * tolerance else "more than"
        sentences.append(
            f"The shares of {what} are at most {farthest['hour']:.1f} points off in an hour and "
            f"{farthest['weekday']:.1f} on a weekday, {verdict} the {100 * tolerance:g} that are allowed."
        )
    panels[0, 1].legend(loc="lower left", fontsize=9)
    return Finding(
        figure=figure,
        caption="Share of each hour of the day and of each weekday (UTC): what is published of RetailRocket's log "
        "(line), and this log (dots).",
        alt=f"Lines and dots in four panels. {' '.join(sentences[1:])}",
        reading=" ".join(sentences),
    )


def draw_pair(axes: Axes, published: np.ndarray, own: np.ndarray) -> None:
    """Draw published shares as a line and a log's own as dots: 24 hours or seven weekdays."""
    places = np.arange(len(own))
    axes.plot(places, published, color=figures.MUTED, linewidth=1.4, label="RetailRocket, published")
    axes.plot(places, own, "o", color=figures.PALETTE[0], markersize=4, label="this log")
    if len(own) == len(WEEKDAYS):
        axes.set_xticks(places, WEEKDAYS)
    else:
        axes.set_xticks(places[::6], [f"{hour}:00" for hour in places[::6]])
    axes.set_ylim(bottom=0)


def read_comparison(comparison: pd.DataFrame) -> str:
    """Say how many of the published figures agree with the log's, and name those that do not."""
    counts = comparison["agrees"].value_counts()
    differing, compared, whole = int(counts.get("by design", 0)), len(comparison), len(FIGURES)
    off = comparison[comparison["agrees"] == "no"]
    names = [f"{row.figure} ({write_figure(row.kind, row.found)})" for row in off.itertuples()]
    sentences = []
    if compared < whole:
        sentences.append(f"{number(compared)} of {number(whole)} published figures suit a shop of this size.")
    if differing:
        sentences.append(f"{number(differing)} of these are meant to differ here.")
    which = "others" if sentences else "published figures"
    rest, agreeing = compared - differing, int(counts.get("yes", 0))
    found = "all" if agreeing == rest else number(agreeing)
    sentences.append(f"Of the {number(rest)} {which}, {found} are found here again, within what the tables allow.")
    return " ".join(sentences) + (f" Outside it: {joined(names)}." if names else "")


def write_figure(kind: str, value: float) -> str:
    """Write a figure of a kind: 2,756,101, 71.16 % or 1.96; a dash where it is missing."""
    if math.isnan(value):
        return "–"
    if kind == "share":
        return percent(value, 2)
    return number(value, 0 if kind == "count" or float(value).is_integer() or value >= 20 else 2)


def list_figures(comparison: pd.DataFrame, kind: str) -> pd.DataFrame:
    """List the figures of a kind for readers: figure, published, here, difference, allowed, agrees, analyses.

    Differences of shares, and what is allowed of them, are in percentage points.
    """
    rows = comparison[comparison["kind"] == kind]
    unit = 100 if kind == "share" else 1
    return pd.DataFrame(
        {
            "figure": rows["figure"],
            "published": rows["published"],
            "here": rows["found"],
            "difference": unit * rows["difference"],
            "allowed ±": unit * rows["within"],
            "agrees": rows["agrees"],
            "analyses": rows["source"],
        }
    )


def list_design(design: ShopDesign) -> pd.DataFrame:
    """List what a generated shop's design sets otherwise: measure (in words), as RetailRocket, this shop."""
    words = {name: field.description.rstrip(".") for name, field in ShopDesign.model_fields.items()}
    words["visitors_per_item"] = "Visitors for each item that visitors see"
    rows = [(words[name], usual, own) for name, (usual, own) in find_differences(design).items()]
    return pd.DataFrame(rows, columns=["measure", "as RetailRocket", "this shop"])


def tabulate(comparison: pd.DataFrame, design: ShopDesign | None) -> HTML:
    """Show the comparison as tables, one for each kind of figure, below what the shop's design sets otherwise.

    Empty where there is nothing to compare.
    """
    parts = []
    if design is not None and find_differences(design):
        caption = "What this shop is made to have otherwise"
        parts.append(table(list_design(design), caption).data)
    for kind, title in TITLES.items():
        listed = list_figures(comparison, kind)
        parts += [table(listed, title, FORMATS[kind]).data] if len(listed) else []
    return HTML("\n".join(parts))


def list_facts(comparison: pd.DataFrame) -> dict[str, tuple[int, str]]:
    """Return the facts of a comparison: name -> (value, unit); all are 0 where there is nothing to compare."""
    counts = comparison["agrees"].value_counts()
    names = {"published_agreeing": "yes", "published_outside": "no", "published_by_design": "by design"}
    return {name: (int(counts.get(verdict, 0)), "figures") for name, verdict in names.items()}
