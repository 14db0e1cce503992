"""What not training again costs: the figure, and the advice that follows from it for this shop."""

import numpy as np

from smartrocket import figures
from smartrocket.ageing import LEAST_TRAINING, Ageing
from smartrocket.findings import Finding
from smartrocket.results import Results
from smartrocket.wording import number, percent, plural

TOO_SHORT = (
    f"The log is too short to say how fast a model ages: one that is left alone needs {LEAST_TRAINING} days to learn "
    "from, before the weeks in which it ages."
)


def show_ageing(ageing: Ageing | None, score: str) -> Finding:
    """Show what a model of each age loses against a fresh one, and what that means for training again.

    `score` is what gets worse: "error" or "hits".
    """
    if ageing is None:
        return Finding(TOO_SHORT)
    losses = ageing.losses
    figure, axes = figures.canvas(6.4, 3)
    weeks, loss = losses["weeks"].to_numpy(), losses["loss"].to_numpy(dtype=float)
    ends = losses[["low", "high"]].to_numpy(dtype=float).T
    axes.axhline(0, color=figures.MUTED, linewidth=1, linestyle="--")
    axes.errorbar(weeks, loss, yerr=np.abs(ends - loss), fmt="o-", color=figures.PALETTE[0], capsize=3, linewidth=1.2)
    axes.set_xticks([0, *weeks])
    axes.set(xlabel="weeks without training", ylabel="worse than fresh", xlim=(-0.3, weeks.max() + 0.5))
    axes.plot([0], [0], "o", color=figures.MUTED)
    axes.yaxis.set_major_formatter(lambda value, _place: f"{round(100 * value, 2):g} %".replace("-", "−"))
    reading = advise(ageing, score)
    return Finding(
        reading=reading,
        figure=figure,
        caption=f"How much worse a model does that was left alone, by {number(losses['cases'].iloc[0])} cases of the "
        "test; bars are 95 % intervals of the paired difference, the dashed line is the fresh model.",
        alt=reading,
    )


def advise(ageing: Ageing, score: str) -> str:
    """Say from which age on a loss is shown, how large it is, and how often to train."""
    losses = ageing.losses.set_index("weeks")
    oldest, since = int(losses.index.max()), ageing.shown_from
    last = write_loss(losses.loc[oldest], oldest, score)
    days = f"The oldest model learned from {plural(ageing.days, 'day')}."
    if losses["low"].isna().any():
        return f"{last} The test is too small to say whether that is more than chance. {days}"
    if since is None:
        best = losses["high"].min() < 0
        text = f"**No decay can be told from noise** up to {plural(oldest, 'week')}: {last[0].lower()}{last[1:]} "
        if best:
            text += "At some ages the older model even did better, so its age is not what matters here. "
        return f"{text}Age alone is no reason to train more often than every {plural(oldest, 'week')}; drift is. {days}"
    before = [int(age) for age in losses.index if age < since]
    first = "" if since == oldest else f"{write_loss(losses.loc[since], since, score)} "
    if before:
        advice = (
            f"Up to {plural(max(before), 'week')} no loss is shown, so **train at least every {weeks(max(before))}**."
        )
    else:
        advice = f"A loss is shown from the first age measured on, so **train every {weeks(since)}** or more often."
    return f"{first}{last} {advice} {days}"


def weeks(count: int) -> str:
    """Write how often: "week", "4 weeks"."""
    return "week" if count == 1 else f"{count} weeks"


def write_loss(row: object, age: int, score: str) -> str:
    """Write one loss as a sentence: "After 8 weeks, the error is 2.2 % larger (0.3 % to 4.4 %)."""
    worse = "larger" if score == "error" else "fewer"
    better = "smaller" if score == "error" else "more"
    sign = -1 if row["loss"] < 0 else 1
    text = f"{percent(abs(row['loss']))} {better if sign < 0 else worse}"
    if row["low"] is not None and not np.isnan(row["low"]):
        low, high = sorted(sign * end for end in (row["low"], row["high"]))
        text += f" ({percent(low)} to {percent(high)})".replace("-", "\N{MINUS SIGN}")
    subject, verb = ("the error", "is") if score == "error" else ("the hits", "are")
    return f"After {plural(age, 'week')} without training, {subject} {verb} {text}."


def record_ageing(results: Results, ageing: Ageing | None) -> None:
    """Write down the losses by age in weeks, and from which age on one is shown; None where nothing was measured."""
    rows = ageing.losses.itertuples() if ageing else ()
    for row in rows:
        for end in ("loss", "low", "high"):
            value = getattr(row, end)
            results.fact(f"ageing_{row.weeks}_{end}", None if value is None else float(value), unit="share")
    results.fact("ageing_shown_from", ageing.shown_from if ageing else None, unit="weeks")
