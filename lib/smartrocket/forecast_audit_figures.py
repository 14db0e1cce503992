"""What the audit of forecasts found: figures, a table, and sentences that hold for the shop at hand."""

import numpy as np
import pandas as pd
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.forecast_audit import Audit, Claim, Ladder
from smartrocket.tables import table
from smartrocket.wording import number, percent, plural

EARLIER_CLAIM = 0.0094
"""The wMAPE that the earlier report claims for its tuned model."""

ALIKE = 0.005
"""Scores that differ by less than this share are called about the same."""

SMALLEST_BAR = 1e-5
"""A claim of no error at all has no place on a logarithmic scale: it is drawn here."""

WORTH, CLAIMED = figures.PALETTE[0], figures.PALETTE[1]

TOO_FEW = "This log holds too few sales to show what flawed tests would have claimed, so the comparison is left out."

COLUMNS = {"wmape": "wMAPE", "mae": "MAE", "poisson_deviance": "deviance"}
FORMATS = {"wmape": ",.1%", "mae": ",.3f", "poisson_deviance": ",.3f"}
KINDS = ("claimed", "honest")


def compare(value: float, reference: float) -> str:
    """Say how a deviance lies to another: "12.0 % below", "3.4 % above" or "about the same as"."""
    difference = value / reference - 1
    if abs(difference) < ALIKE:
        return "about the same as"
    return f"{percent(abs(difference))} {'below' if difference < 0 else 'above'}"


def describe_claim(claim: Claim, honest: Claim) -> str:
    """Say in a sentence or two what a mistake does to the Poisson deviance on this data."""
    claimed, worth = claim.claimed.poisson_deviance, claim.honest.poisson_deviance
    if claim.claimed == claim.honest:
        expected = honest.honest.poisson_deviance
        text = f"The score, {worth:.3f}, is true, and {compare(worth, expected)} that of the honest protocol."
    else:
        text = f"Claims {claimed:.3f}, {compare(claimed, worth)} the {worth:.3f} that the model is worth."
        if claimed > worth * (1 + ALIKE):
            text += " Here the mistake does not flatter."
    return f"**{claim.title}.** {text} {claim.note}".rstrip()


def show_claims(audit: Audit) -> Finding:
    """Show the deviance that each mistake claims beside the one that its model is worth, with a sentence on each."""
    if not audit.claims:
        return Finding(TOO_FEW)
    honest, *flawed = audit.claims
    claimed = np.array([claim.claimed.poisson_deviance for claim in flawed])
    worth = np.array([claim.honest.poisson_deviance for claim in flawed])
    place = np.arange(len(flawed))
    fig, ax = figures.canvas(8, 1.2 + 0.3 * len(flawed))
    ax.hlines(place, claimed, worth, color=figures.MUTED, linewidth=2, alpha=0.5)
    ax.plot(worth, place, "o", color=WORTH, label="worth")
    ax.plot(claimed, place, "D", color=CLAIMED, markersize=5, label="claimed")
    expected = honest.honest.poisson_deviance
    ax.axvline(expected, color=figures.MUTED, linewidth=1, linestyle=":", label="honest protocol")
    ax.set_yticks(place, [claim.title for claim in flawed])
    ax.set(xlabel="mean Poisson deviance", xscale="log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    finish(ax)
    flattering = min(flawed, key=lambda claim: claim.claimed.poisson_deviance / claim.honest.poisson_deviance)
    part = f", computed on {number(audit.items)} of the {number(audit.all_items)} items"
    sentences = "\n".join(f"- {describe_claim(claim, honest)}" for claim in flawed)
    return Finding(
        reading=f"The score is the Poisson deviance: smaller is better. The honest protocol gives {expected:.3f}"
        f"{part if audit.items < audit.all_items else ''}. Differences of a few per cent may be chance.\n\n{sentences}",
        figure=fig,
        caption="Each mistake on its own, with the same data and the same settings: the score that is claimed and "
        "the score that the model is worth, on a logarithmic scale.",
        alt=f"Pairs of dots. The mistake that flatters most, {flattering.title}, claims a deviance of "
        f"{flattering.claimed.poisson_deviance:.3f} for a model worth {flattering.honest.poisson_deviance:.3f}.",
    )


def finish(ax: Axes) -> None:
    """Give a figure of rows with a logarithmic scale its grid and its legend, the first row on top."""
    ax.invert_yaxis()
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(visible=True, axis="x")
    ax.grid(visible=False, axis="y")
    ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=3)


def claims_table(audit: Audit) -> HTML:
    """Return the table of all claims: wMAPE, MAE and Poisson deviance, claimed and honest; or why there is none."""
    if not audit.claims:
        return HTML(f'<p class="finding-absent">{TOO_FEW}</p>')
    rows = [
        {"way of testing": claim.title}
        | {
            f"{heading}, {kind}": getattr(getattr(claim, kind), name)
            for name, heading in COLUMNS.items()
            for kind in KINDS
        }
        for claim in audit.claims
    ]
    formats = {f"{COLUMNS[name]}, {kind}": form for name, form in FORMATS.items() for kind in KINDS}
    caption = (
        "What each way of testing claims, and what its model, or where that learned from the test one of its kind "
        "that did not, scores on all item-weeks of the test (MAE in units)."
    )
    return table(pd.DataFrame(rows), caption, formats, highlight=audit.claims[0].title)


def show_ladder(audit: Audit) -> Finding:
    """Show the claimed wMAPE as the mistakes are added, beside the claim of the earlier report."""
    ladder = audit.ladder
    if ladder is None:
        return Finding(TOO_FEW)
    values = np.array([max(rung.wmape, SMALLEST_BAR) for rung in ladder.rungs])
    place = np.arange(len(values))
    fig, ax = figures.canvas(8, 1.3 + 0.36 * len(values))
    ax.plot(values, place, color=figures.MUTED, linewidth=1.5, alpha=0.6)
    ax.scatter(values, place, color=[WORTH, *[CLAIMED] * (len(values) - 1)], zorder=3)
    for at, rung in zip(place, ladder.rungs, strict=True):
        ax.annotate(percent(rung.wmape, 2), (values[at], at), (8, 0), textcoords="offset points", va="center")
    for value, style, label in (
        (ladder.always_one, ":", "“always 1” where its baseline is scored"),
        (EARLIER_CLAIM, "--", "the earlier report's claim"),
    ):
        ax.axvline(value, color=figures.MUTED, linewidth=1, linestyle=style, label=label)
    ax.set_yticks(place, [rung.title for rung in ladder.rungs])
    ax.set(xlabel="claimed wMAPE", xscale="log", xlim=(min(values.min(), EARLIER_CLAIM) / 2, values.max() * 5))
    ax.xaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    finish(ax)
    first, last = ladder.rungs[0].wmape, ladder.rungs[-1].wmape
    return Finding(
        reading=describe_ladder(ladder),
        figure=fig,
        caption="The mistakes of the earlier report, added one on top of the other, and the wMAPE that is claimed "
        "after each, on a logarithmic scale. The numbers in brackets are those of the mistakes.",
        alt=f"Dots of the claimed wMAPE: {percent(first)} at the honest end, {percent(last, 2)} at the other.",
    )


def describe_ladder(ladder: Ladder) -> str:
    """Say how near the flawed procedure comes to the earlier report's claim, and what its model is worth."""
    first, last = ladder.rungs[0], ladder.rungs[-1]
    near = "below" if last.wmape < EARLIER_CLAIM else "above"
    rule = "which beats it without any model" if ladder.always_one < ladder.baseline else "no less than that"
    return (
        f"The honest test gives a wMAPE of {percent(first.wmape)}. With all mistakes the claim is "
        f"**{percent(last.wmape, 2)}**, {near} the {percent(EARLIER_CLAIM, 2)} of the earlier report. It comes from "
        f"{plural(last.rows, 'row')} that the model learned from, and says how well it remembers them. On item-weeks "
        f"of the test as they are, sold or not, the same model has a wMAPE of {percent(ladder.worth.wmape)}.\n\n"
        f"The earlier report's baseline, made anew here, claims {percent(ladder.baseline)}. Forecasting one unit "
        f"always scores {percent(ladder.always_one)} on the same rows, {rule}."
    )
