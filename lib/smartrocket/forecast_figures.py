"""Figures and tables of the forecast notebooks, each with the reading that holds for the shop at hand."""

from collections.abc import Mapping, Sequence

import lightgbm as lgb
import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.dates import AutoDateLocator, num2date

from smartrocket import figures, forecasting, wording
from smartrocket.demand_baselines import SMOOTHED_SUM, Demand
from smartrocket.demand_scores import (
    DISTRIBUTION_METRICS,
    DISTRIBUTION_SKILLS,
    SCORE_COLUMNS,
    SKILLS,
    SMALLEST_ORIGINS,
    best_baseline,
    poisson_deviance,
    score_of,
)
from smartrocket.findings import Finding
from smartrocket.forecast_tables import RECONCILED
from smartrocket.forecasting import DAY, Fold, Panel, Split, Training
from smartrocket.tables import table
from smartrocket.traffic_breaks import FALL, RISE, measure_break, reach_into
from smartrocket.wording import joined, number, plural

MODEL, SIMPLE, MARK = figures.PALETTE[0], figures.MUTED, figures.PALETTE[1]
"""Colours: our models, the simple methods they have to beat, and what a figure points out."""

POPULARITY = ["none", "1 to 3", "4 to 11", "12 or more"]
POPULARITY_DAYS = 28

TOO_YOUNG = (
    "This shop's log is too short to set test weeks apart, leave the gaps and still have two weeks to learn from, "
    "so nothing is forecast here."
)
NOTHING_LEARNED = "No model could be trained: the days before the test hold no sale to learn from."
NOTHING_SOLD = "Nothing was sold in the days this figure would show, so it is left out."
LEFT_OUT = "Left out, since nothing could be forecast here."

NO_SCORES = pd.DataFrame(columns=SCORE_COLUMNS)

COLUMNS = {
    "poisson_deviance": "Poisson deviance",
    "rmsse": "RMSSE",
    "bias": "bias",
    "average_precision": "average precision",
    "wmape": "wMAPE",
    "mape_sold": "MAPE, sold",
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R2",
    "rmsse_by_series": "RMSSE by item",
    "scaled_crps": "scaled CRPS",
    "pinball_50": "pinball 50 %",
    "pinball_80": "pinball 80 %",
    "pinball_95": "pinball 95 %",
    "coverage_80": "coverage of 80 %",
}
SHARES = ("bias", "wmape", "mape_sold", "coverage_80")

# Few columns a table, so that none is cut off in the text column of a page.
LEADING = {
    "item": ("poisson_deviance", "rmsse", "bias", "average_precision"),
    "category": ("poisson_deviance", "rmsse", "bias", "wmape"),
    "total": ("poisson_deviance", "rmsse", "bias", "wmape"),
}
FURTHER = ("mae", "rmse", "r2", "wmape", "mape_sold", "rmsse_by_series")
FURTHER_SUMS = ("mae", "rmse", "r2", "mape_sold", "average_precision")
DISTRIBUTIONS = DISTRIBUTION_METRICS


LEAST_ROWS = 100
"""A class with fewer rows is drawn, but nothing is said of it."""


def percent(share: float, digits: int = 1) -> str:
    """Format a share with a true minus sign, and none before a zero: -0.0004 -> "0.0 %"."""
    return wording.percent(_clean(share, digits + 2), digits).replace("-", "−")


def _clean(value: float, digits: int) -> float:
    return round(float(value), digits) + 0.0


def day(date: pd.Timestamp) -> str:
    """Write a date: 2015-09-03 -> "3 September 2015"."""
    return f"{date.day} {date:%B %Y}"


def tested_days(split: Split) -> str:
    """Write the first and the last day that the test forecasts."""
    return f"{day(split.test_origins[0] + DAY)} to {day(split.test_origins[-1] + split.horizon * DAY)}"


def find_shortage(known: pd.DataFrame, split: Split | None, smallest: int) -> Finding | None:
    """Return why forecasts are not compared where the test holds too few units.

    None where it holds enough, and where there is no test at all: other findings say that.
    """
    units = float(known["actual"].sum())
    if split is None or units >= smallest:
        return None
    return Finding(
        f"The test weeks hold {plural(round(units), 'unit')} of known items ({number(smallest)} are needed), so "
        "this report does not compare forecasts."
    )


def describe_demand(panel: Panel, split: Split | None) -> Finding:
    """Show how many units an item sells in one horizon, before the test."""
    if split is None:
        return Finding(TOO_YOUNG)
    rows = forecasting.select_rows(panel, split.fold.train_first, split.learn_last, panel.horizon)
    units = rows["target"].to_numpy()
    if not units.sum():
        return Finding(NOTHING_SOLD)
    names = ["0", "1", "2", "3", "4", "5 or more"]
    shares = np.bincount(np.minimum(units, 5).astype(int), minlength=6) / len(units)
    fig, ax = figures.canvas(8, 2.8)
    bars = ax.bar(names, shares, color=[figures.MUTED, *[MODEL] * 5], width=0.7)
    ax.bar_label(bars, [percent(share) for share in shares], padding=2, color=figures.INK)
    ax.set(xlabel=f"units an item sells in {panel.horizon} days", ylabel="share of item-weeks")
    ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    return Finding(
        reading=f"{percent(shares[0])} of the {number(len(units))} item-weeks before the test sell nothing, and the "
        f"mean is {units.mean():.2g} units. Demand is **intermittent**: the question is less how much an item sells "
        "than whether it sells at all.",
        figure=fig,
        caption=f"Units sold by an item in {panel.horizon} days, for items that had entered the panel.",
        alt=f"Bar chart: {percent(shares[0])} of item-weeks have no sale, {percent(shares[1])} one unit, "
        f"{percent(shares[2:].sum())} two or more.",
    )


def date_axis(ax: Axes) -> None:
    """Label a time axis by days, or by months where it spans years."""
    locator = AutoDateLocator(maxticks=7)
    ax.xaxis.set_major_locator(locator)
    first, last = ax.get_xlim()
    several_years = last - first > 500
    ax.xaxis.set_major_formatter(
        lambda place, _: f"{num2date(place):%b %Y}" if several_years else f"{num2date(place).day} {num2date(place):%b}"
    )


def draw_span(ax: Axes, row: float, first: pd.Timestamp, last: pd.Timestamp, colour: str, label: str) -> None:
    """Draw days from `first` to `last` as a labelled bar in a row of a timeline."""
    width = (last - first).days + 1
    ax.barh(row, width, left=first, height=0.62, color=colour)
    ax.text(first + width * DAY / 2, row, label, ha="center", va="center", color="white", fontsize=8)


def draw_fold(ax: Axes, row: float, fold: Fold, horizon: int, check: str) -> None:
    """Draw the origins that a fold learns from and checks on, with the gaps, in a row of a timeline."""
    draw_span(ax, row, fold.train_first, fold.train_last, MODEL, "learn")
    gap = figures.GRID
    ax.barh(row, (fold.check_first - fold.train_last).days - 1, left=fold.train_last + DAY, height=0.62, color=gap)
    draw_span(ax, row, fold.check_first, fold.check_last, figures.PALETTE[2], check)
    ax.barh(row, horizon, left=fold.check_last + DAY, height=0.62, color=gap)


def show_split(panel: Panel, split: Split | None) -> Finding:
    """Show the shop's daily units and, below, which days are learned from, checked on and tested."""
    if split is None:
        return Finding(LEFT_OUT)
    daily = panel.frame.groupby("date")["sales"].sum()
    fig, (above, below) = figures.canvas(8, 3.8, rows=2)
    above.plot(daily.index, daily.to_numpy(), color=figures.MUTED, linewidth=1.2)
    above.set(ylabel="units a day", ylim=(0, None))
    draw_fold(below, 1, split.fold, split.horizon, "stop")
    below.plot(split.test_origins, np.zeros(len(split.test_origins)), "o", color=MARK)
    for origin in split.test_origins:
        below.plot([origin, origin + split.horizon * DAY], [0, 0], color=MARK, linewidth=5, alpha=0.5)
    below.set(yticks=[0, 1], yticklabels=["test", "training"], ylim=(-0.6, 1.6))
    below.grid(visible=False)
    for ax in (above, below):
        ax.set_xlim(daily.index[0], daily.index[-1] + DAY)
        date_axis(ax)
    return Finding(
        reading=f"The model learns from origins up to {day(split.fold.train_last)} and stops adding trees by those "
        f"from {day(split.fold.check_first)} to {day(split.fold.check_last)}. The test has "
        f"{plural(len(split.test_origins), 'origin')}, from {day(split.test_origins[0])} to "
        f"{day(split.test_origins[-1])}, and forecasts the days {tested_days(split)}; the grey gaps of "
        f"{split.horizon} days keep every sale on one side.",
        figure=fig,
        caption="Above: the shop's units a day. Below: origins learned from (blue), gaps (grey), origins for early "
        "stopping (green), and the test's origins (dots) with the days they forecast (bars).",
        alt="Timeline: training, a gap, early stopping, a gap, then "
        f"{plural(len(split.test_origins), 'weekly test origin')}.",
    )


def show_breaks(traffic: pd.Series, breaks: Sequence[pd.Timestamp], split: Split | None) -> Finding:
    """Show the shop's events by day with sudden changes, and say which origins of the test reach into one."""
    if split is None:
        return Finding(LEFT_OUT)
    fig, ax = figures.canvas(8, 2.6)
    ax.plot(traffic.index, traffic.to_numpy(), color=figures.MUTED, linewidth=1.2)
    ax.axvspan(split.test_origins[0] + DAY, split.test_origins[-1] + split.horizon * DAY, color=MARK, alpha=0.12)
    for date in breaks:
        ax.axvline(date, color=MARK, linewidth=1.5)
    ax.set(ylabel="events a day", ylim=(0, None))
    date_axis(ax)
    reached = int(reach_into(split.test_origins, split.horizon, breaks).sum())
    if breaks:
        ways = [_describe_break(traffic, date) for date in breaks]
        reading = (
            f"The shop's traffic breaks on {joined(ways)}. {plural(reached, 'origin')} of the test's "
            f"{len(split.test_origins)} forecast{'s' if reached == 1 else ''} days that such a break begins in."
        )
    else:
        reading = (
            "The shop's traffic shows no break: on no two days in a row did it fall by more than "
            f"{percent(1 - FALL, 0)} or rise by more than {percent(RISE - 1, 0)} against the same weekdays of the four "
            "weeks before, beyond what so many events vary by chance."
        )
    return Finding(
        reading=reading,
        figure=fig,
        caption="Events of the whole shop by day; shaded: the days of the test; upright lines: breaks.",
        alt=f"Line chart of events by day. {reading}",
    )


def _describe_break(traffic: pd.Series, date: pd.Timestamp) -> str:
    ratio = measure_break(traffic, date)
    if ratio is None:
        return day(date)
    return f"{day(date)} (at first {percent(ratio, 0)} of the same weekdays in the four weeks before)"


def breaks_table(scores: pd.DataFrame, without: pd.DataFrame | None, models: Sequence[str]) -> HTML | Markdown:
    """Return scores of items beside those without the origins that reach into a break, `without`."""
    if without is None or without.empty:
        return Markdown(
            "No origin of the test reaches into a break while another does not: there is nothing to set apart."
        )
    rows = []
    for model in models:
        row = {"model": model}
        for metric in ("poisson_deviance", "rmsse", "bias"):
            for name, table_ in (("all", scores), ("without the break", without)):
                row[f"{COLUMNS[metric]}, {name}"] = score_of(table_, model, metric)["value"]
        rows.append(row)
    shown = pd.DataFrame(rows)
    formats = {name: "+.1%" if name.startswith("bias") else ".3f" for name in shown.columns[1:]}
    return table(
        shown, caption="Scores of items in all weeks of the test, and without those of the break.", formats=formats
    )


def show_learning(training: Training | None, split: Split | None, stride: int) -> Finding:
    """Show the deviance after each tree, where training stopped, and what the final model learns from."""
    if training is None or split is None or "check" not in training.curve:
        return Finding(NOTHING_LEARNED)
    fig, ax = figures.canvas(8, 3)
    for name, colour in (("training", figures.MUTED), ("check", MODEL)):
        curve = training.curve[name]
        ax.plot(np.arange(1, len(curve) + 1), curve, color=colour, label=name)
    best = training.curve["check"][training.trees - 1]
    ax.plot(training.trees, best, "o", color=MARK)
    ax.set(xlabel="trees", ylabel="mean Poisson deviance")
    ax.legend()
    kept = f"The check rows are served best by {plural(training.trees, 'tree')} (deviance {best:.3f})"
    if training.trees < len(training.curve["check"]):
        reading = f"{kept}; further trees learn the training days by heart and nothing that lasts."
    else:
        reading = f"{kept}, all that the profile allows: more might do better still."
    often = {1: "every day", 2: "every second day"}.get(stride, f"one day in {stride}")
    return Finding(
        reading=f"{reading} The final model has as many trees and learns from the origins of {often} up to "
        f"{day(split.learn_last)}, the last one whose {split.horizon} days end before the test.",
        figure=fig,
        caption="Mean Poisson deviance after each tree, on the days learned from and on the check days; the dot "
        "marks the number of trees that is kept.",
        alt=f"Two falling curves; the one of the check rows is lowest at {plural(training.trees, 'tree')}.",
    )


def score_table(
    levels: Mapping[str, pd.DataFrame], level: str, metrics: Sequence[str] | None = None
) -> HTML | Markdown:
    """Return the table of all models' scores at one level, smallest Poisson deviance first, or why not.

    `metrics` are the columns, those of `LEADING` where they are not named.
    """
    if level not in levels:
        return Markdown(LEFT_OUT if not levels else "This shop's items have no categories: level left out.")
    scores = levels[level]
    wide = scores.pivot(index="model", columns="metric", values="value").reindex(columns=list(COLUMNS))
    wide = wide.apply(pd.to_numeric).sort_values("poisson_deviance", kind="stable")
    wide = wide[list(metrics or LEADING[level])].round(3) + 0.0
    shown = wide.dropna(axis="columns", how="all").rename(columns=COLUMNS).reset_index(names="model")
    forms = {COLUMNS[name]: "+.1%" if name == "bias" else ",.1%" if name in SHARES else ",.3f" for name in wide}
    return table(
        shown,
        caption=f"Scores in the test weeks, level: {level}. Smallest Poisson deviance first.",
        formats={name: form for name, form in forms.items() if name in shown},
        highlight=shown["model"].iloc[0],
    )


def skill_table(levels: Mapping[str, pd.DataFrame], models: Sequence[str], rival: str) -> HTML | Markdown:
    """Return the table of the models' advantage over `rival` at every level, with intervals."""
    rows = []
    for level, scores in levels.items():
        for metric in (*SKILLS, *DISTRIBUTION_SKILLS):
            for model in models:
                skill = score_of(scores, model, f"{metric}_skill")
                given = skill["low"] is not None
                interval = f"{percent(skill['low'])} to {percent(skill['high'])}" if given else "–"
                advantage = "–" if skill["value"] is None else percent(skill["value"])
                rows.append([model, level, COLUMNS[metric], advantage, interval])
    if not rows:
        return Markdown(LEFT_OUT)
    return table(
        pd.DataFrame(rows, columns=["model", "level", "score", "advantage", "95 % interval"]),
        caption=f"Advantage over {rival}: the part of its score that is saved; negative where {rival} is better. An "
        "interval stands where there are enough series for one.",
    )


def judge_sums(
    levels: Mapping[str, pd.DataFrame],
    models: Sequence[str],
    baselines: Sequence[str],
    origins: int,
    negative: int = 0,
) -> Finding:
    """Say for categories and for the whole shop what `models` add to the baselines.

    `origins` is the number of the test's, `negative` that of reconciled forecasts below zero.
    """
    parts = [
        f"{heading}: {verdict(levels[level], model, [*baselines, SMOOTHED_SUM], origins)}"
        for level, heading in (("category", "Categories"), ("total", "The whole shop"))
        if level in levels
        for model in models
    ]
    if not parts:
        return Finding(LEFT_OUT)
    if any(model.endswith(RECONCILED) for model in models):
        raised = f"{number(negative)} of them were" if negative else "none of them was"
        parts.append(f"Reconciliation could push a forecast below zero, where it would be raised to zero: {raised}.")
    return Finding(" ".join(parts))


def origin_table(known: pd.DataFrame, models: Sequence[str]) -> HTML | Markdown:
    """Return units sold and the mean Poisson deviance of some models at each origin of the test."""
    if known.empty:
        return Markdown(LEFT_OUT)
    actual = known["actual"].to_numpy()
    losses = {name: poisson_deviance(actual, known[name].to_numpy()) for name in models if name in known}
    frame = pd.DataFrame({"origin": known["origin"].to_numpy(), "units sold": actual, **losses})
    grouped = frame.groupby("origin")
    shown = pd.concat([grouped["units sold"].sum(), grouped[list(losses)].mean()], axis=1).reset_index()
    shown["origin"] = [day(origin) for origin in shown["origin"]]
    formats = {"units sold": ",.0f", **dict.fromkeys(losses, ".3f")}
    return table(shown, caption="Mean Poisson deviance at each origin of the test.", formats=formats)


def compare_models(scores: pd.DataFrame, models: Sequence[str], baselines: Sequence[str], origins: int) -> Finding:
    """Show every model's Poisson deviance of items with its interval, and say what `models` add in so many origins."""
    rows = scores[scores["metric"] == "poisson_deviance"].dropna(subset=["value"])
    rows = rows.astype({"value": float, "low": float, "high": float}).sort_values("value", ascending=False)
    if rows.empty:
        return Finding(LEFT_OUT)
    place = np.arange(len(rows))
    fig, ax = figures.canvas(8, 0.9 + 0.27 * len(rows))
    colours = [figures.MUTED if name in baselines else MODEL for name in rows["model"]]
    ax.hlines(place, rows["low"], rows["high"], color=colours, linewidth=3, alpha=0.45)
    ax.scatter(rows["value"], place, color=colours, zorder=3)
    ax.set(
        yticks=place,
        yticklabels=rows["model"],
        xlabel="mean Poisson deviance",
    )
    ax.grid(visible=True, axis="x")
    best = rows["model"].iloc[-1]
    reading = " ".join(verdict(scores, model, baselines, origins) for model in models) or NOTHING_LEARNED
    return Finding(
        reading=f"For single items: {reading}" if models else reading,
        figure=fig,
        caption="Mean Poisson deviance of item-weeks in the test (smaller is better) with 95 % bootstrap "
        "intervals; blue: our models, grey: the simple methods.",
        alt=f"Dot plot of {plural(len(rows), 'model')}; {best} has the smallest deviance, "
        f"{rows['value'].iloc[-1]:.3f}.",
    )


def verdict(
    scores: pd.DataFrame, model: str, baselines: Sequence[str], origins: int, metric: str = "poisson_deviance"
) -> str:
    """Say in one sentence whether a model beats the best baseline, as far as the test's `origins` can tell."""
    skill, rival = score_of(scores, model, f"{metric}_skill"), best_baseline(scores, baselines, metric)
    if skill["value"] is None:
        return f"**{model}** cannot be compared here."
    amount = f"{percent(abs(skill['value']))} {'lower' if skill['value'] >= 0 else 'higher'}"
    article = "an" if COLUMNS[metric].startswith("RM") else "a"
    start = f"**{model}** has {article} {COLUMNS[metric]} {amount} than the best baseline, {rival}"
    if skill["low"] is None:
        return f"{start}; too few series for an interval, so nothing follows from it."
    interval = f"95 % interval of the advantage {percent(skill['low'])} to {percent(skill['high'])}"
    if skill["low"] > 0:
        return f"{start} ({interval}): better {beyond_chance(origins)}."
    if skill["high"] < 0:
        return f"{start} ({interval}): worse {beyond_chance(origins)}."
    return f"{start} ({interval}): the data cannot tell the two apart."


def beyond_chance(origins: int) -> str:
    """Say what an interval without zero means: with few origins, nothing about other weeks."""
    if origins >= SMALLEST_ORIGINS:
        return "beyond chance"
    weeks = "this one week" if origins == 1 else f"these {number(origins)} weeks"
    return f"for {weeks}, beyond the chance that lies in the items; how much weeks differ is not in the interval"


def judge_scores(scores: pd.DataFrame, models: Sequence[str], baselines: Sequence[str], origins: int) -> Finding:
    """Say what `models` add to the baselines in the scores of items other than the Poisson deviance."""
    if scores.empty:
        return Finding(LEFT_OUT)
    others = [metric for metric in (*SKILLS[1:], *DISTRIBUTION_SKILLS) if metric in set(scores["metric"])]
    parts = [verdict(scores, model, baselines, origins, metric) for metric in others for model in models]
    return Finding(" ".join(parts) or NOTHING_LEARNED)


def judge_amount(known: pd.DataFrame, split: Split | None, smallest: int) -> Finding:
    """Say which days the test forecasts and whether they hold enough units to claim anything."""
    if split is None:
        return Finding(LEFT_OUT)
    shortage = find_shortage(known, split, smallest)
    if shortage is not None:
        return shortage
    counted = f"{plural(round(known['actual'].sum()), 'unit')} of {plural(known['series'].nunique(), 'known item')}"
    return Finding(f"The test weeks, {tested_days(split)}, hold {counted}: enough to compare forecasts.")


def explain_zero_reward(known: pd.DataFrame) -> Finding:
    """Show which constant forecast wMAPE and the Poisson deviance like best."""
    actual = known["actual"].to_numpy(dtype=float)
    if known.empty or not actual.sum():
        return Finding(NOTHING_SOLD)
    constants = np.linspace(0, max(2 * actual.mean(), 1.2 * float(np.median(actual))), 121)[1:]
    constants = np.concatenate([[0.0], constants])
    wmape = np.array([np.abs(actual - value).sum() / actual.sum() for value in constants])
    deviance = np.array([poisson_deviance(actual, np.full(len(actual), value)).mean() for value in constants])
    fig, axes = figures.canvas(8, 2.8, columns=2)
    for ax, curve, name in ((axes[0], wmape, "wMAPE"), (axes[1], deviance, "Poisson deviance")):
        ax.plot(constants, curve, color=MODEL)
        ax.plot(constants[curve.argmin()], curve.min(), "o", color=MARK)
        ax.axvline(actual.mean(), color=figures.MUTED, linewidth=1, linestyle=":")
        ax.set(title=name, xlabel="units forecast for every item")
    best = constants[wmape.argmin()]
    return Finding(
        reading=f"If every item got the same forecast, wMAPE would be best at {best:.2f} units (the median is "
        f"{np.median(actual):.2f}) and the Poisson deviance at {constants[deviance.argmin()]:.2f} (the mean is "
        f"{actual.mean():.2f}). Stock has to cover the mean, so the deviance is the headline here.",
        figure=fig,
        caption="Score of one constant forecast for all items in the test weeks; the orange dot is the best "
        "constant, the dotted line the mean of the units sold.",
        alt=f"Two curves: wMAPE is smallest at {best:.2f} units, the Poisson deviance near the mean.",
    )


def show_importance(booster: lgb.Booster | None, moves: pd.DataFrame | None, count: int = 12) -> Finding:
    """Show the features by gain and by mean absolute SHAP value."""
    if booster is None or moves is None:
        return Finding(LEFT_OUT)
    gain = forecasting.importance(booster).head(count)[::-1]
    shap = moves.abs().mean().sort_values(kind="stable").tail(count)
    if not gain.sum():
        return Finding("The model made no split: no feature told the items apart, and all get one forecast.")
    fig, axes = figures.canvas(8, 0.9 + 0.27 * len(gain), columns=2)
    axes[0].barh(gain.index, gain.to_numpy(), color=MODEL)
    axes[0].set(title="share of all gain")
    axes[0].xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes[1].barh(shap.index, shap.to_numpy(), color=MODEL)
    axes[1].set(title="mean |SHAP value|")
    for ax in axes:
        ax.grid(visible=True, axis="x")
        ax.grid(visible=False, axis="y")
    leading = joined([f"`{name}`" for name in gain.index[::-1][:3]])
    first = shap.index[-1]
    return Finding(
        reading=f"Most gain comes from {leading}. In the test weeks `{first}` moves forecasts most: on average by a "
        f"factor of {np.exp(shap.iloc[-1]):.2f}, up or down.",
        figure=fig,
        caption="The features that matter most. Gain: how much the training deviance fell by splits on a feature. "
        "SHAP value: by what a feature moves the logarithm of a forecast.",
        alt=f"Two bar charts of features; {gain.index[-1]} leads by gain, {first} by SHAP value.",
    )


def show_calibration(known: pd.DataFrame, model: str, rival: str | None) -> Finding:
    """Show, by tenth of the forecasts, what was forecast and what was sold."""
    if model not in known or known.empty or not known["actual"].sum():
        return Finding(LEFT_OUT if model not in known else NOTHING_SOLD)
    fig, ax = figures.canvas(5.2, 4.2)
    highest = 0.0
    for name, colour in ((rival, SIMPLE), (model, MODEL)):
        if name is not None:
            means = calibration(known, name)
            ax.plot(means["forecast"], means["actual"], "o-", color=colour, label=name)
            highest = max(highest, means.to_numpy().max())
    ax.plot([0, highest], [0, highest], color=figures.INK, linewidth=1, linestyle=":")
    ax.set(xlabel="mean forecast, units", ylabel="mean sold, units", xlim=(0, None), ylim=(0, None))
    ax.legend()
    means = calibration(known, model)
    top, lower = means.iloc[-1], means.iloc[:-1].sum()
    return Finding(
        reading=f"The tenth of item-weeks with the highest forecasts was expected to sell {top['forecast']:.2f} "
        f"units each and sold {top['actual']:.2f}; for the nine tenths below, the forecast was {_deviation(lower)}. A "
        "forecast is **calibrated** where its dots lie on the dotted line.",
        figure=fig,
        caption="Calibration in the test weeks: item-weeks in ten groups of growing forecast, mean forecast "
        "against mean units sold.",
        alt=f"Calibration plot; in the top group {model} forecast {top['forecast']:.2f} and {top['actual']:.2f} "
        "were sold.",
    )


def _deviation(means: pd.Series) -> str:
    if not means["actual"]:
        return "more than the nothing that was sold"
    share = means["forecast"] / means["actual"] - 1
    return f"{percent(abs(share), 0)} {'more' if share >= 0 else 'less'} than was sold"


def show_density(known: pd.DataFrame, model: str) -> Finding:
    """Show how item-weeks spread over forecast and units sold."""
    if model not in known or known.empty or not known["actual"].sum():
        return Finding(LEFT_OUT if model not in known else NOTHING_SOLD)
    forecast, actual = known[model].to_numpy(dtype=float), known["actual"].to_numpy(dtype=float)
    lowest, highest = max(np.quantile(forecast, 0.001), 1e-3), max(forecast.max(), 1e-2) * 1.01
    edges = np.geomspace(min(lowest, highest / 10), highest, 25)
    place = np.clip(np.digitize(forecast, edges) - 1, 0, len(edges) - 2)
    most = max(int(np.quantile(actual[actual > 0], 0.99)), 3)
    counts = np.zeros((most + 1, len(edges) - 1))
    np.add.at(counts, (np.minimum(actual, most).astype(int), place), 1)
    shares = counts / np.maximum(counts.sum(axis=0), 1)
    fig, ax = figures.canvas(8, 3.4)
    drawn = np.ma.masked_equal(shares, 0)
    ax.pcolormesh(edges, np.arange(most + 2) - 0.5, drawn, cmap=figures.SEQUENTIAL, norm=LogNorm(1e-3, 1))
    middle = np.sqrt(edges[1:] * edges[:-1])
    filled = np.flatnonzero(np.bincount(place, minlength=len(middle)) >= 10)
    means = np.array([actual[place == column].mean() for column in filled])
    ax.plot(middle[filled], means, "o-", color=MARK, markersize=4, label="mean sold")
    ax.plot(edges, edges, color=figures.INK, linewidth=1, linestyle=":", label="sold as forecast")
    ticks = [*range(most), most]
    ax.set(xscale="log", xlabel="forecast, units", ylabel="sold, units", ylim=(-0.5, most + 0.5), yticks=ticks)
    ax.set_yticklabels([*map(str, ticks[:-1]), f"{most} or more"])
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.grid(visible=False)
    ax.legend(loc="upper left")
    high = forecast >= 1
    reading = (
        f"The forecasts of {model} reach from {forecast.min():.2g} to {forecast.max():.2g} units. Whatever was "
        "forecast, single outcomes scatter widely around it: a forecast is the mean of what happens to items like "
        "this one."
    )
    if high.any():
        nothing = percent((actual[high] == 0).mean(), 0)
        reading += f" Of the {plural(int(high.sum()), 'forecast')} of a unit or more, {nothing} met no sale at all."
    return Finding(
        reading=reading,
        figure=fig,
        caption="Item-weeks of the test by forecast (columns) and units sold (rows); the darker a field, the "
        "larger its share of the column. Dots: mean units sold in a column of ten item-weeks or more.",
        alt=f"Density plot of units sold against forecast, with the mean sold rising along the diagonal. {reading}",
    )


def calibration(known: pd.DataFrame, model: str, groups: int = 10) -> pd.DataFrame:
    """Return mean forecast and mean actual units of equally large groups of growing forecast."""
    order = known[model].rank(method="first", pct=True)
    group = np.minimum((order * groups).apply(np.ceil), groups)
    return pd.DataFrame({"forecast": known[model], "actual": known["actual"]}).groupby(group.to_numpy()).mean()


def popularity(known: pd.DataFrame, demand: Demand) -> pd.Categorical:
    """Return each row's class of units sold in the four weeks up to its origin, one of POPULARITY."""
    position = {origin: demand.position(origin) for origin in known["origin"].unique()}
    row = np.searchsorted(demand.items, known["series"].to_numpy())
    running = np.cumsum(np.pad(np.nan_to_num(demand.units), ((0, 0), (1, 0))), axis=1)
    end = known["origin"].map(position).to_numpy(dtype=int) + 1
    units = running[row, end] - running[row, np.maximum(end - POPULARITY_DAYS, 0)]
    return pd.cut(units, [-1, 0, 3, 11, np.inf], labels=POPULARITY)


def show_popularity(known: pd.DataFrame, demand: Demand, model: str, rival: str | None) -> Finding:
    """Show the model's and the best baseline's deviance by how much an item sold lately."""
    if model not in known or rival is None or known.empty:
        return Finding(LEFT_OUT)
    actual = known["actual"].to_numpy()
    frame = pd.DataFrame({"class": popularity(known, demand), "units": actual})
    frame[model] = poisson_deviance(actual, known[model].to_numpy())
    frame[rival] = poisson_deviance(actual, known[rival].to_numpy())
    grouped = frame.groupby("class", observed=True)
    means, units = grouped[[model, rival]].mean(), grouped["units"].sum()
    fig, ax = figures.canvas(8, 3)
    place = np.arange(len(means))
    ax.bar(place - 0.2, means[model], 0.38, color=MODEL, label=model)
    ax.bar(place + 0.2, means[rival], 0.38, color=SIMPLE, label=rival)
    names = [f"{name}\n({grouped.size()[name]:,} rows)" for name in means.index]
    ax.set(
        xticks=place,
        xticklabels=names,
        ylabel="mean Poisson deviance",
        xlabel="units sold in the 4 weeks before",
    )
    ax.legend()
    gains = 1 - means[model] / means[rival]
    enough = [name for name in means.index if grouped.size()[name] >= LEAST_ROWS]
    parts = [f'{percent(gains[name])} for "{name}"' for name in enough] or ["not told, for want of rows"]
    return Finding(
        reading=f"The advantage of {model} over {rival} is {joined(parts)}. Items with no sale in the four weeks "
        f"before make up {percent(grouped.size().get('none', 0) / len(frame))} of the rows and "
        f"{percent(units.get('none', 0.0) / max(units.sum(), 1))} of the units sold.",
        figure=fig,
        caption="Deviance in the test weeks by the units an item sold in the four weeks before the origin.",
        alt=f"Grouped bars: advantage of the model {joined(parts)}.",
    )


def show_total(
    demand: Demand,
    split: Split | None,
    total: pd.DataFrame,
    model: str,
    rival: str | None,
    past: pd.DataFrame | None = None,
) -> Finding:
    """Show the shop's units by week and the forecasts of the test weeks; `past` has those made before the test."""
    if split is None:
        return Finding(LEFT_OUT)
    daily = np.nansum(demand.units, axis=0)
    running = np.concatenate([[0], np.cumsum(daily)])
    ends = np.arange(demand.position(split.test_origins[0]) % 7, len(daily), 7)
    ends = ends[ends + 1 >= split.horizon]
    weekly = running[ends + 1] - running[ends + 1 - split.horizon]
    fig, ax = figures.canvas(8, 3.2)
    ax.plot(demand.dates[ends], weekly, "o-", color=figures.INK, label="sold")
    shown = [(model, MODEL)] if model in total else []
    for name, colour in [(rival, SIMPLE), *shown]:
        if name is not None:
            style = "o-" if name == model else "o--"
            ax.plot(total["origin"] + split.horizon * DAY, total[name], style, color=colour, label=name)
    ax.axvline(split.test_origins[0], color=figures.MUTED, linewidth=1, linestyle=":")
    ax.set(ylabel=f"units in {split.horizon} days", ylim=(0, None))
    date_axis(ax)
    ax.legend()
    name = model if model in total else rival
    if name is None or not total["actual"].sum():
        reading = NOTHING_SOLD
    else:
        share = total[name].sum() / total["actual"].sum() - 1
        reading = (
            f"Over all test weeks {name} forecast {plural(round(total[name].sum()), 'unit')} and "
            f"{number(total['actual'].sum())} were sold: {_surplus(share)}."
        )
        if past is not None and name in past and past["actual"].sum():
            before = past[name].sum() / past["actual"].sum() - 1
            reading += f" On the weeks before the test, by which it was chosen, it was {_surplus(before)}."
    return Finding(
        reading=reading,
        figure=fig,
        caption="Units of the whole shop by week (drawn at the week's last day) and the sum of the item forecasts; "
        "right of the dotted line is the test.",
        alt=f"Line chart of weekly units with forecasts. {reading}",
    )


def _surplus(share: float) -> str:
    return f"{percent(abs(share))} too {'many' if share >= 0 else 'few'}"
