"""Figures and tables of the tuning notebook: the search, the mix, what both bought, and how sure a forecast is."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown

from smartrocket import figures
from smartrocket.demand_baselines import Demand
from smartrocket.demand_distribution import INTERVALS, Spread, rank_coverage
from smartrocket.demand_ensemble import LEAST_GAIN, Mix
from smartrocket.demand_scores import coverage, score_of
from smartrocket.findings import Finding
from smartrocket.forecast_confidence import Confidence
from smartrocket.forecast_figures import (
    COLUMNS,
    LEFT_OUT,
    MARK,
    MODEL,
    NOTHING_LEARNED,
    POPULARITY,
    SHARES,
    SIMPLE,
    TOO_YOUNG,
    beyond_chance,
    date_axis,
    day,
    draw_fold,
    draw_span,
    percent,
    popularity,
)
from smartrocket.forecasting import DAY, Chosen, Fold, Split
from smartrocket.tables import table
from smartrocket.wording import joined, number, plural

SCORES = {"poisson_deviance": "Poisson deviance", "squared_error": "squared error"}

WEEKLY = "sells weekly"
"""A class of items beside those by popularity: on average a unit a week or more, lately."""


def show_folds(split: Split | None, folds: Sequence[Fold]) -> Finding:
    """Show the rolling origins of the search, all before the test."""
    if split is None or not folds:
        return Finding(TOO_YOUNG)
    fig, ax = figures.canvas(8, 0.8 + 0.45 * (len(folds) + 1))
    for row, fold in enumerate(reversed(folds), start=1):
        draw_fold(ax, row, fold, split.horizon, "score")
    last = split.test_origins[-1] + split.horizon * DAY
    draw_span(ax, 0, split.test_origins[0] + DAY, last, MARK, "test")
    names = ["test", *(f"fold {number_}" for number_ in range(len(folds), 0, -1))]
    ax.set(yticks=range(len(names)), yticklabels=names)
    ax.grid(visible=False)
    date_axis(ax)
    return Finding(
        reading=f"Every setting is scored on {plural(len(folds), 'fold')}; the last day that any of them looks at "
        f"is {day(folds[-1].check_last + split.horizon * DAY)}, and the test begins on "
        f"{day(split.test_origins[0] + DAY)}.",
        figure=fig,
        caption="The folds of the search: origins learned from (blue), gaps (grey), origins scored (green). The "
        "test weeks (orange) are not looked at.",
        alt=f"{plural(len(folds), 'fold')}, each later than the one before, all ending before the test weeks.",
    )


def show_trials(trials: pd.DataFrame, score: str = "poisson_deviance") -> Finding:
    """Show the value of each trial and the best so far."""
    complete = trials[trials["state"] == "complete"] if len(trials) else trials
    if complete.empty:
        return Finding(NOTHING_LEARNED)
    fig, ax = figures.canvas(8, 3)
    ax.scatter(complete["trial"], complete["value"], color=MODEL, label="trial")
    ax.plot(
        complete["trial"],
        complete["value"].cummin(),
        color=MARK,
        drawstyle="steps-post",
        label="best so far",
    )
    ax.set(xlabel="trial", ylabel=f"mean {SCORES[score]}")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend()
    start, best = (f"{value:.4f}" for value in (complete["value"].iloc[0], complete["value"].min()))
    pruned = int((trials["state"] == "pruned").sum())
    if best == start:
        outcome = f"none of {plural(len(trials), 'trial')} does better by as much as 0.0001."
    else:
        share = percent(1 - complete["value"].min() / complete["value"].iloc[0], 2)
        outcome = f"the best of {plural(len(trials), 'trial')} scores {best}, {share} lower on the folds."
    return Finding(
        reading=f"Trial 1 starts from the settings of the first model and scores {start}; {outcome} "
        f"{plural(pruned, 'trial was', 'trials were')} stopped early as hopeless.",
        figure=fig,
        caption=f"Mean {SCORES[score]} over the folds of each finished trial; smaller is better.",
        alt=f"Scatter of trials; trial 1 scores {start}, the best {best}.",
    )


def settings_table(baseline: Mapping[str, object], chosen: Chosen | None, names: Sequence[str]) -> HTML | Markdown:
    """Return the table of the first model's settings beside the chosen ones."""
    if chosen is None:
        return Markdown(LEFT_OUT)
    used = dict(chosen.parameters)
    if used.get("objective") != "tweedie":
        used.pop("tweedie_variance_power", None)
    rows = [
        {"setting": name, "first model": _short(baseline["boosting"].get(name)), "chosen": _short(used.get(name))}
        for name in names
    ]
    rows.append({"setting": "trees", "first model": _short(baseline["trees"]), "chosen": _short(chosen.trees)})
    return table(pd.DataFrame(rows), caption="Settings of the first model and those the search chose.")


def _short(value: object) -> str | None:
    return f"{value:.4g}" if isinstance(value, float) else None if value is None else str(value)


def show_parameter_importance(shares: pd.DataFrame, trials: pd.DataFrame) -> Finding:
    """Show which settings mattered in the search, where any did."""
    if shares.empty:
        return Finding("Too few finished trials to say which setting mattered.")
    values = trials.loc[trials["state"] == "complete", "value"]
    if f"{values.iloc[0]:.4f}" == f"{values.min():.4f}":
        return Finding("No trial does visibly better than the first one, so no setting is said to matter.")
    best = trials.loc[trials["value"].idxmin()]
    if best.get("objective") != "tweedie":
        # Without a Tweedie objective this setting does nothing.
        shares = shares[shares["parameter"] != "tweedie_variance_power"]
    ordered = shares[::-1]
    fig, ax = figures.canvas(8, 0.8 + 0.28 * len(ordered))
    ax.barh(ordered["parameter"], ordered["importance"], color=MODEL)
    ax.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    ax.grid(visible=True, axis="x")
    ax.grid(visible=False, axis="y")
    top = shares.iloc[0]
    return Finding(
        reading=f"`{top['parameter']}` sets the good trials apart most ({percent(top['importance'], 0)}). With few "
        "trials these shares are rough.",
        figure=fig,
        caption="Share of each setting in what separates the best quarter of the trials from the rest (PED-ANOVA).",
        alt=f"Bar chart of settings; {top['parameter']} leads with {percent(top['importance'], 0)}.",
    )


def choices_table(trials: pd.DataFrame, names: Sequence[str]) -> HTML | Markdown:
    """Return the best score of the trials with each choice, of the settings that have choices."""
    complete = trials[trials["state"] == "complete"] if len(trials) else trials
    rows = [
        {"setting": name, "choice": _write_choice(choice), "trials": len(group), "best score": group["value"].min()}
        for name in names
        if name in complete
        for choice, group in complete.groupby(name)
    ]
    if not rows:
        return Markdown(NOTHING_LEARNED)
    caption = "What each choice reached in the search: the best score of its trials that were not stopped early."
    return table(pd.DataFrame(rows), caption=caption, formats={"best score": ".4f"})


def _write_choice(choice: object) -> str:
    return {True: "yes", False: "no"}.get(choice, str(choice))


def show_mix(mix: Mix | None) -> Finding:
    """Show what each weight of the model in a mix with a baseline would have scored before the test."""
    if mix is None:
        return Finding(LEFT_OUT)
    fig, ax = figures.canvas(8, 2.8)
    curve = mix.curve
    ax.fill_between(
        curve["weight"],
        curve["loss"] - curve["error"],
        curve["loss"] + curve["error"],
        color=MODEL,
        alpha=0.2,
        linewidth=0,
    )
    ax.plot(curve["weight"], curve["loss"], color=MODEL)
    chosen = curve.loc[(curve["weight"] - mix.weight).abs().idxmin()]
    ax.plot(chosen["weight"], chosen["loss"], "o", color=MARK)
    ax.set(xlabel=f"weight of the model; the rest is {mix.partner}", ylabel="loss, 1 = the baseline")
    ax.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    gain = 1 - curve["loss"].min()
    if mix.weight == 0:
        decision = (
            f"even at its best the mix would lower the loss by {percent(max(gain, 0.0), 2)} only, where the baseline "
            f"without any model, drawn towards one number for all items, gains "
            f"{percent(max(1 - mix.drawn, 0.0), 2)}; less than {percent(LEAST_GAIN, 0)} more than that is not worth a "
            "model, so the baseline forecasts alone"
        )
    elif mix.weight == 1:
        decision = "the model forecasts alone: with any part for the baseline it would have gained clearly less"
    else:
        decision = (
            f"the model gets {percent(mix.weight, 0)}, with a loss {percent(1 - chosen['loss'])} below the baseline's. "
            f"The smallest loss, {percent(gain)} below, is that of {percent(mix.best, 0)}"
            + (
                ""
                if mix.weight == mix.best
                else "; that small a difference may be chance, and so the baseline keeps a part"
            )
        )
    return Finding(
        reading=f"Before the test the best baseline was the {mix.partner}; {decision}.",
        figure=fig,
        caption="Mean of Poisson deviance and scaled squared error on the folds, relative to the baseline alone, "
        "by the model's weight; the shade is a standard error of the distance from the smallest, the dot the choice.",
        alt=f"Curve of the loss by weight. Chosen is a weight of {percent(mix.weight, 0)} for the model.",
    )


def judge_tuning(
    scores: pd.DataFrame | None, tuned: str, first: str, origins: int, final: str | None = None
) -> Finding:
    """Say what tuning bought in the test weeks, and what the final forecast did, as far as its origins can tell."""
    if scores is None or scores.empty:
        return Finding(LEFT_OUT)
    gain = score_of(scores, tuned, "poisson_deviance_skill")
    if gain["value"] is None:
        return Finding("The two models cannot be compared here: nothing was sold in the test weeks.")
    size = f"{percent(abs(gain['value']))} {'lower' if gain['value'] >= 0 else 'higher'}"
    start = f"In the test weeks the Poisson deviance of single items by {tuned} is {size} than by {first}"
    if gain["low"] is None:
        return Finding(f"{start}; too few items for an interval, so nothing follows from it.")
    interval = f" (95 % interval of the gain {percent(gain['low'])} to {percent(gain['high'])}). "
    others = [
        f"{COLUMNS[metric]} {percent(gained['value'])} ({percent(gained['low'])} to {percent(gained['high'])})"
        for metric in ("rmsse", "scaled_crps")
        if (gained := score_of(scores, tuned, f"{metric}_skill"))["low"] is not None
    ]
    rest = f" The gain in other scores: {joined(others)}." if others else ""
    rest += _judge_final(scores, final, first, origins) if final not in (None, tuned) else ""
    if gain["low"] > 0:
        return Finding(f"{start}{interval}**Tuning helped** in this score, {beyond_chance(origins)}.{rest}")
    if gain["high"] < 0:
        return Finding(f"{start}{interval}**Tuning did harm:** the search fitted days that were unlike the test.{rest}")
    return Finding(f"{start}{interval}**Tuning bought nothing that can be told from chance.**{rest}")


def _judge_final(scores: pd.DataFrame, final: str, first: str, origins: int) -> str:
    gain = score_of(scores, final, "poisson_deviance_skill")
    if gain["low"] is None:
        return ""
    words = "less" if gain["low"] > 0 else "more" if gain["high"] < 0 else None
    size = f"{percent(gain['value'])} ({percent(gain['low'])} to {percent(gain['high'])})"
    outcome = (
        f"its Poisson deviance is {words}, {beyond_chance(origins)}"
        if words
        else "nothing that can be told from chance"
    )
    return f" The final forecast, {final}, against {first}: {outcome}; the gain is {size}."


def pair_table(scores: pd.DataFrame, models: Sequence[str]) -> HTML | Markdown:
    """Return every score of items of a few models side by side, a row a score."""
    if scores.empty:
        return Markdown(LEFT_OUT)
    rows = []
    for metric, heading in COLUMNS.items():
        values = [score_of(scores, model, metric)["value"] for model in models]
        form = percent if metric in SHARES else lambda value: number(value, 3).replace("-", "−")
        if any(value is not None for value in values):
            shown = ["–" if value is None else form(value) for value in values]
            rows.append([heading, *shown])
    return table(pd.DataFrame(rows, columns=["score", *models]), caption="Every score of items in the test weeks.")


def effort_table(models: Mapping[str, tuple[int, int, Mapping, int]]) -> HTML | Markdown:
    """Return the table of what each model takes: item-days learned from, trees, leaves, and bytes on disk.

    `models` has these by name; the leaves stand in the settings, the third.
    """
    rows = [
        {
            "model": name,
            "item-days learned from": number(rows),
            "trees": trees,
            "leaves at most": parameters.get("num_leaves"),
            "size, kB": number(size / 1000),
        }
        for name, (rows, trees, parameters, size) in models.items()
    ]
    if not rows:
        return Markdown(LEFT_OUT)
    return table(
        pd.DataFrame(rows),
        caption="What the models learned from and take on disk, together with those of their single days.",
    )


def measure_coverage(known: pd.DataFrame, demand: Demand, model: str, spread: Spread | None, seed: int) -> pd.DataFrame:
    """Return class, nominal, rows, ranked (by randomised ranks) and plain coverage, class "all" first.

    The classes are those of `popularity` and `WEEKLY`: items that sold four units or more in the four weeks before.
    """
    if model not in known or known.empty or spread is None:
        return pd.DataFrame(columns=["class", "nominal", "rows", "ranked", "plain"])
    actual, mean = known["actual"].to_numpy(), known[model].to_numpy()
    ranks, classes = spread.rank(actual, mean, seed), popularity(known, demand)
    groups = {"all": np.ones(len(known), dtype=bool)} | {name: classes == name for name in POPULARITY}
    groups[WEEKLY] = np.isin(classes, POPULARITY[2:])
    rows = []
    for share in INTERVALS:
        low, high = spread.interval(mean, share)
        rows += [
            {
                "class": name,
                "nominal": share,
                "rows": int(chosen.sum()),
                "ranked": rank_coverage(ranks[chosen], share),
                "plain": coverage(actual[chosen], low[chosen], high[chosen]),
            }
            for name, chosen in groups.items()
            if chosen.any()
        ]
    return pd.DataFrame(rows)


def coverage_table(measured: pd.DataFrame) -> HTML | Markdown:
    """Return measured coverage by class: by randomised ranks and, in brackets, counted plainly."""
    if measured.empty:
        return Markdown(LEFT_OUT)
    rows = []
    for name in dict.fromkeys(measured["class"]):
        of_class = measured[measured["class"] == name]
        cells = {
            f"{row.nominal:.0%}".replace("%", " %"): f"{percent(row.ranked)} ({percent(row.plain)})"
            for row in of_class.itertuples()
        }
        rows.append({"units in the 4 weeks before": name, "item-weeks": int(of_class["rows"].iloc[0]), **cells})
    caption = "Coverage in the test weeks by randomised ranks, in brackets counted plainly, for each nominal coverage."
    return table(pd.DataFrame(rows), caption=caption)


def show_coverage(measured: pd.DataFrame) -> Finding:
    """Show nominal against measured coverage, for all item-weeks and by popularity."""
    if measured.empty:
        return Finding(LEFT_OUT)
    fig, ax = figures.canvas(8, 3.2)
    names = list(measured["class"].unique())
    place = np.arange(len(names))
    for shift, (share, rows) in enumerate(measured.groupby("nominal")):
        colour = figures.PALETTE[shift]
        position = [names.index(name) for name in rows["class"]]
        ax.plot(np.array(position) + 0.16 * (shift - 1), rows["ranked"], "o", color=colour, label=f"{share:.0%}")
        ax.axhline(share, color=colour, linewidth=1, linestyle=":")
    ax.set(xticks=place, xticklabels=names, ylim=(0, 1.02), ylabel="share inside", xlabel="units in the 4 weeks before")
    ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    ax.legend(title="nominal", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(INTERVALS))
    everything = measured[measured["class"] == "all"]
    parts = [f"{percent(row.ranked)} (nominal {percent(row.nominal, 0)})" for row in everything.itertuples()]
    plain = [percent(value) for value in everything["plain"]]
    weekly = measured[(measured["class"] == WEEKLY) & (measured["nominal"] == 0.8)]
    frequent = ""
    if len(weekly):
        row = weekly.iloc[0]
        frequent = (
            " Of items that sell about weekly, four units or more in the four weeks before, "
            f"{percent(row['ranked'])} of {plural(int(row['rows']), 'item-week')} lie in the 80 % interval."
        )
    return Finding(
        reading=f"Measured coverage over all item-weeks: {joined(parts)}.{frequent} Since units are whole numbers, "
        f"an interval reaches over more than it must: counted plainly, {joined(plain)} of the item-weeks lie inside.",
        figure=fig,
        caption="Coverage of the prediction intervals in the test weeks by randomised ranks; dotted: what was "
        "aimed at.",
        alt=f"Dots of measured coverage: {joined(parts)}.",
    )


def confidence_table(measured: pd.DataFrame) -> HTML | Markdown:
    """Return what each class of confidence turned out to be worth in the test."""
    if measured.empty:
        return Markdown(LEFT_OUT)
    columns = {
        "class": "confidence",
        "rows": "item-weeks",
        "units": "units sold",
        "forecast": "mean forecast",
        "expected": "expected error",
        "error": "measured error",
        "width": "width of 80 %",
        "inside": "inside 80 %",
    }
    formats = {
        "units sold": ",.0f",
        "mean forecast": ".2f",
        "expected error": ".0%",
        "measured error": ".0%",
        "width of 80 %": ".2f",
        "inside 80 %": ".1%",
    }
    caption = (
        "The classes of confidence in the test weeks. Errors are mean absolute errors as shares of the units "
        "forecast; the width of the 80 % interval is in units; inside: the share of outcomes in it, by randomised "
        "ranks."
    )
    return table(measured[list(columns)].rename(columns=columns), caption=caption, formats=formats)


def show_confidence(measured: pd.DataFrame, confidence: Confidence | None) -> Finding:
    """Show expected and measured error by class of confidence."""
    if measured.empty or confidence is None:
        return Finding(LEFT_OUT)
    fig, ax = figures.canvas(6, 2.8)
    place = np.arange(len(measured))
    ax.bar(place - 0.2, measured["expected"], 0.38, color=SIMPLE, label="expected")
    ax.bar(place + 0.2, measured["error"], 0.38, color=MODEL, label="measured")
    ax.set(xticks=place, xticklabels=measured["class"], ylabel="error / units forecast", xlabel="confidence")
    ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    ax.legend()
    errors = [f"{percent(error, 0)} ({name})" for name, error in zip(measured["class"], measured["error"], strict=True)]
    parts = joined(errors)
    worth = " ".join(
        f"Forecasts of {row.Index} confidence were {'told apart from' if row.low > 0 else 'not told apart from'} those "
        f"one class higher (difference {_points(row.difference)} points, 95 % interval {_points(row.low)} to "
        f"{_points(row.high)})."
        for row in measured.set_index("class").dropna(subset=["low"]).itertuples()
    )
    return Finding(
        reading=f"On average forecasts were off by {parts} of the units forecast. {worth} A forecast is of high "
        f"confidence where its expected error is at most {percent(confidence.high, 0)} of it, of medium confidence "
        f"up to {percent(confidence.medium, 0)}: limits that share the units forecast before the test in three.",
        figure=fig,
        caption="Mean absolute error of item forecasts in the test as a share of the units forecast, by "
        "confidence: what the distribution expects and what was measured.",
        alt=f"Bars by confidence: measured error {parts}.",
    )


def _points(share: float) -> str:
    return number(100 * share, 0).replace("-", "−")
