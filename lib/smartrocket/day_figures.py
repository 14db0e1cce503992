"""Figures and tables of forecasts by day: how good each day ahead is, when forecasts missed, and bands around them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown
from matplotlib.axes import Axes

from smartrocket import figures
from smartrocket.demand_distribution import INTERVALS
from smartrocket.demand_scores import score_of
from smartrocket.findings import Finding, escape_markdown
from smartrocket.forecast_figures import LEFT_OUT, MARK, MODEL, NOTHING_SOLD, beyond_chance, date_axis, day, percent
from smartrocket.forecasting import DAY
from smartrocket.identifiers import NO_CATEGORY
from smartrocket.outlook import BANDS
from smartrocket.tables import table
from smartrocket.wording import joined, number, plural

SHADES = (0.45, 0.28, 0.14)


def spans_table(levels: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> HTML | Markdown:
    """Return the scores of ways to forecast the whole horizon: `names` maps models to what they are called here."""
    if not levels:
        return Markdown(LEFT_OUT)
    rows = []
    for model, name in names.items():
        row = {"forecast": name}
        for level, heading in (("item", "items"), ("total", "the shop")):
            row[f"Poisson deviance, {heading}"] = score_of(levels[level], model, "poisson_deviance")["value"]
            row[f"bias, {heading}"] = score_of(levels[level], model, "bias")["value"]
        rows.append(row)
    shown = pd.DataFrame(rows)
    formats = {column: "+.1%" if column.startswith("bias") else ".3f" for column in shown.columns[1:]}
    return table(shown, caption="Three forecasts of the whole horizon, scored in the test weeks.", formats=formats)


def days_table(scores: pd.DataFrame, model: str) -> HTML | Markdown:
    """Return, for each day ahead, the model's deviance beside that of the day's best baseline."""
    if scores.empty:
        return Markdown(LEFT_OUT)
    rows = []
    skills = scores[scores["metric"] == "poisson_deviance_skill"]
    for skill in skills.itertuples():
        of_day = scores[(scores["day"] == skill.day) & (scores["metric"] == "poisson_deviance")]
        values = of_day.set_index("model")["value"]
        interval = "–" if pd.isna(skill.low) else f"{percent(skill.low)} to {percent(skill.high)}"
        rows.append([f"day {skill.day}", skill.rival, values[skill.rival], values[model], skill.value, interval])
    columns = ["day ahead", "best baseline", "its deviance", f"{model}", "advantage", "95 % interval"]
    return table(
        pd.DataFrame(rows, columns=columns),
        caption="Mean Poisson deviance of the units of items on each day ahead.",
        formats={"its deviance": ".4f", model: ".4f", "advantage": ".1%"},
    )


def show_days(scores: pd.DataFrame, model: str, origins: int) -> Finding:
    """Show the model's advantage over the best baseline by day ahead, as measured at so many origins."""
    skills = scores[scores["metric"] == "poisson_deviance_skill"] if len(scores) else scores
    if skills.empty:
        return Finding(LEFT_OUT)
    fig, ax = figures.canvas(8, 2.8)
    known = skills.dropna(subset=["low"])
    ax.vlines(
        known["day"], known["low"].astype(float), known["high"].astype(float), color=MODEL, linewidth=4, alpha=0.4
    )
    ax.plot(skills["day"], skills["value"], "o", color=MODEL)
    ax.axhline(0, color=figures.INK, linewidth=1, linestyle=":")
    ax.set(xlabel="days ahead", ylabel="advantage in deviance", xticks=skills["day"])
    ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    ahead, unsure = skills[skills["low"].astype(float) > 0], skills[~(skills["low"].astype(float) > 0)]
    first, last = skills.iloc[0], skills.iloc[-1]
    reading = (
        f"On the first day ahead the advantage of {model} over the best baseline is {percent(first['value'])}, on "
        f"the last {percent(last['value'])}. On {plural(len(ahead), 'day')} of {len(skills)}"
    )
    if len(ahead) and len(unsure):
        reading += f" (not on {joined([f'day {number_}' for number_ in unsure['day']])})"
    reading += f" it is {beyond_chance(origins)}"
    return Finding(
        reading=reading + ".",
        figure=fig,
        caption="Advantage in mean Poisson deviance of single items over the best baseline of each day ahead, with "
        "95 % bootstrap intervals; above zero the model is better.",
        alt=f"Dots with intervals by day ahead. {reading}.",
    )


def show_residuals(tested: pd.DataFrame, model: str) -> Finding:
    """Show by day what the whole shop sold more or less than forecast; `tested` has date, actual and forecast."""
    if tested.empty or not tested["actual"].sum():
        return Finding(LEFT_OUT if tested.empty else NOTHING_SOLD)
    residual = tested["actual"].to_numpy() - tested["forecast"].to_numpy()
    fig, ax = figures.canvas(8, 2.8)
    chance = 2 * np.sqrt(np.maximum(tested["forecast"].to_numpy(), 0))
    ax.fill_between(tested["date"], -chance, chance, color=figures.MUTED, alpha=0.15, step="mid", linewidth=0)
    ax.bar(tested["date"], residual, color=np.where(residual >= 0, MODEL, MARK), width=0.8)
    ax.axhline(0, color=figures.INK, linewidth=1)
    ax.set(ylabel="sold less forecast, units")
    date_axis(ax)
    outside = float((np.abs(residual) > chance).mean())
    worst = tested.iloc[int(np.abs(residual).argmax())]
    weekly = pd.Series(residual).groupby(np.arange(len(residual)) // 7).mean()
    lowest, highest = (number(end, 1).replace("-", "−") for end in (weekly.min(), weekly.max()))
    reading = (
        f"On an average day of the test {number(tested['actual'].mean(), 1)} units were sold, "
        f"{number(abs(residual.mean()), 1)} {'more' if residual.mean() >= 0 else 'fewer'} than {model} forecast. By "
        f"chance alone one day in twenty would lie outside the grey band; {percent(outside, 0)} of the days do. The "
        f"largest miss is on {day(worst['date'])}. The mean of a week moves between {lowest} and {highest} units a "
        "day."
    )
    return Finding(
        reading=reading,
        figure=fig,
        caption="Units of the whole shop sold less those forecast, by day of the test: blue where more was sold, "
        "orange where less. Grey: two standard deviations of a count with the forecast as its mean.",
        alt=f"Bars by day around zero. {reading}",
    )


def show_bands(tested: pd.DataFrame, coming: pd.DataFrame, level: str, count: int) -> Finding:
    """Show forecasts with their bands beside what was sold in the test, and for the days to come.

    Both tables are made by `look_ahead`, `tested` with `actual`. Items are drawn by week, as a day of one is next to
    nothing; categories and the shop by day. Drawn are the `count` series with the highest forecasts.
    """
    by_week = level == "item"
    tested = tested[(tested["level"] == level) & (tested["series"] != NO_CATEGORY)]
    weeks, tested = tested[tested["day"] == 0], tested[(tested["day"] == 0) == by_week]
    coming = coming[(coming["level"] == level) & ((coming["day"] == 0) == by_week)]
    if tested.empty:
        return Finding(LEFT_OUT if level != "category" else "This shop's items have no categories: level left out.")
    largest = tested.groupby("series")["forecast"].sum().sort_values(ascending=False, kind="stable").index[:count]
    fig, axes = figures.canvas(8, 0.7 + 1.7 * len(largest), rows=len(largest))
    for ax, series in zip(np.atleast_1d(axes), largest, strict=True):
        rows = pd.concat([tested[tested["series"] == series], coming[coming["series"] == series]])
        _draw_bands(ax, rows, by_week)
        if len(coming):
            ax.axvline(coming["first_date"].min() - DAY / 2, color=figures.INK, linewidth=1, linestyle=":")
        title = {"item": f"Item {series}", "category": f"Category {series}", "total": "The whole shop"}[level]
        ax.set(ylabel="units", title=title, ylim=(0, None))
        date_axis(ax)
    np.atleast_1d(axes)[0].legend(loc="upper left", ncols=5, fontsize=8)
    inside = _count_inside(tested)
    parts = joined([f"{percent(held, 0)} lie in the {BANDS[share]} % band" for share, held in inside.items()])
    what = {"item": "weeks of items", "category": "days of categories", "total": "days"}[level]
    reading = f"Of the {number(len(tested))} {what} in the test, {parts}."
    if not by_week:
        held = joined([f"{percent(share, 0)}" for share in _count_inside(weeks).values()])
        reading += f" Of {plural(len(weeks), 'forecast')} of a whole horizon, {held} lie in theirs."
    wider = all(held > share for share, held in inside.items())
    why = " Units are whole numbers, so a band often holds more than it is named after." if wider else ""
    return Finding(
        reading=reading + why,
        figure=fig,
        caption="Forecasts (lines) with bands of 50, 80 and 95 %, and what was sold (dots), "
        f"{'by week' if by_week else 'by day'}; right of the dotted line lie the days to come.",
        alt=f"Forecast bands of {plural(len(largest), 'series', 'series')} with the units sold. {reading}",
    )


def _count_inside(tested: pd.DataFrame) -> dict[float, float]:
    return {
        share: float(tested["actual"].between(tested[f"low_{name}"], tested[f"high_{name}"]).mean())
        for share, name in BANDS.items()
    }


def _draw_bands(ax: Axes, rows: pd.DataFrame, by_week: bool) -> None:
    rows = rows.sort_values("first_date")
    place = rows["last_date"] if by_week else rows["first_date"]
    for share, shade in reversed(list(zip(INTERVALS, SHADES, strict=True))):
        low, high = rows[f"low_{BANDS[share]}"].astype(float), rows[f"high_{BANDS[share]}"].astype(float)
        label = f"{share:.0%}".replace("%", " %")
        if by_week:
            ax.vlines(place, low - 0.15, high + 0.15, color=MODEL, linewidth=9, alpha=shade, label=label)
        else:
            ax.fill_between(place, low, high, color=MODEL, alpha=shade, linewidth=0, label=label)
    ax.plot(place, rows["forecast"], "_" if by_week else "-", color=MODEL, markersize=10, label="forecast")
    ax.plot(place, rows["actual"], "o", color=figures.INK, markersize=3, label="sold")


def show_next_week(coming: pd.DataFrame, count: int = 15) -> Finding:
    """Show the items with the highest forecasts for the days after the last whole day, with 80 % intervals."""
    items = coming[(coming["level"] == "item") & (coming["day"] == 0)]
    top = items.sort_values(["forecast", "series"], ascending=[False, True]).head(count)[::-1]
    if top.empty:
        return Finding(LEFT_OUT)
    first, last, best = day(top["first_date"].iloc[0]), day(top["last_date"].iloc[0]), top.iloc[-1]
    if best["forecast"] < 0.05:
        return Finding(f"From {first} to {last} no item is expected to sell as much as 0.05 units.")
    fig, ax = figures.canvas(8, 0.8 + 0.27 * len(top))
    names = top["series"].astype(str)
    ax.hlines(names, top["low_80"], top["high_80"], color=MODEL, linewidth=4, alpha=0.4)
    ax.plot(top["forecast"], names, "o", color=MODEL)
    ax.set(xlabel=f"units from {first} to {last}", ylabel="item")
    ax.grid(visible=True, axis="x")
    ax.grid(visible=False, axis="y")
    shop = coming[(coming["level"] == "total") & (coming["day"] == 0)].iloc[0]
    late = max(round(shop["forecast"] - items["forecast"].sum()), 0)
    newcomers = f", {number(late)} of them of items yet to come" if late else ""
    return Finding(
        reading=f"From {first} to {last}, the days after the last whole day of the log, the shop is expected to "
        f"sell {plural(round(shop['forecast']), 'unit')}{newcomers}. Item {escape_markdown(best['series'])} leads "
        f"with {best['forecast']:.1f} units, and between {best['low_80']} and {best['high_80']} in at least four "
        "weeks of five, if the distribution is right.",
        figure=fig,
        caption="Forecasts (dots) and 80 % intervals (bars) of the items with the highest forecasts.",
        alt=f"Dot plot of the items with the highest forecasts; the first expects {best['forecast']:.1f} units.",
    )
