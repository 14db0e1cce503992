"""Where a sales forecast errs: week by week, and its worst misses one by one, with what the log knows of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smartrocket import figures
from smartrocket.demand_distribution import Spread, distribution
from smartrocket.demand_scores import poisson_deviance
from smartrocket.findings import Finding
from smartrocket.privacy import few
from smartrocket.wording import number, percent, plural, write_date

CASES = 3
"""So many misses of either kind are looked at."""

DAYS_BEFORE = 28
NEW_ITEM_DAYS = 14
USUAL = 0.05
"""An outcome that is likelier than this needs no explanation."""

FEWEST_WEEKS = 4
"""With fewer test weeks than this nothing is said about a trend."""


def score_weeks(known: pd.DataFrame, final: str, rival: str) -> pd.DataFrame:
    """Return the scores of the test's weeks: origin, sold, forecast (units), ours, rivals (mean Poisson deviance)."""
    rows = known.assign(
        ours=poisson_deviance(known["actual"].to_numpy(), known[final].to_numpy()),
        rivals=poisson_deviance(known["actual"].to_numpy(), known[rival].to_numpy()),
    )
    weeks = rows.groupby("origin").agg(
        sold=("actual", "sum"), forecast=(final, "sum"), ours=("ours", "mean"), rivals=("rivals", "mean")
    )
    return weeks.reset_index()


def show_weeks(known: pd.DataFrame, final: str | None, rival: str | None, horizon: int) -> Finding:
    """Draw the scores and the sums of the test's weeks in the order of time, and say whether they change."""
    if known.empty or final is None or rival is None:
        return Finding("No forecast was scored, so there are no weeks to compare.")
    weeks = score_weeks(known, final, rival)
    figure, (left, right) = figures.canvas(8, 3, columns=2)
    days = pd.to_datetime(weeks["origin"]) + pd.Timedelta(days=1)
    left.plot(days, weeks["ours"], "o-", color=figures.PALETTE[0], label=final)
    left.plot(days, weeks["rivals"], "o-", color=figures.PALETTE[1], label=rival)
    left.set(title="Poisson deviance by week", ylim=(0, None))
    right.plot(days, weeks["sold"], "o-", color=figures.PALETTE[2], label="sold")
    right.plot(days, weeks["forecast"], "o-", color=figures.PALETTE[0], label="forecast")
    right.set(title="Units of known items", ylim=(0, None))
    for axes in (left, right):
        figures.draw_dates(axes)
        axes.legend(loc="lower left", fontsize=8)
    better = int((weeks["ours"] < weeks["rivals"]).sum())
    worst = weeks.loc[weeks["ours"].idxmax()]
    first = write_date(worst.origin + pd.Timedelta(days=1))
    text = (
        f"In {number(better)} of {plural(len(weeks), 'test week')} {final} has the smaller deviance of the two. Its "
        f"hardest week begins on {first}, with {worst.ours:.3f}: it forecast {number(worst.forecast)} units, and "
        f"{number(worst.sold)} were sold. {describe_trend(weeks)}"
    )
    return Finding(
        figure=figure,
        caption=f"The forecasts of {plural(horizon, 'day')} in the test weeks, by their first day.",
        alt=f"{final} is ahead of {rival} in {better} of {len(weeks)} weeks.",
        reading=text,
    )


def describe_trend(weeks: pd.DataFrame) -> str:
    """Say whether the deviance rises or falls along the test weeks, by Kendall's rank correlation."""
    from scipy.stats import kendalltau

    if len(weeks) < FEWEST_WEEKS:
        return "So few weeks show no trend."
    trend = kendalltau(np.arange(len(weeks)), weeks["ours"])
    if not trend.pvalue < 0.05:
        return "Along the weeks the deviance shows no trend beyond chance."
    return f"Along the weeks the deviance {'rises' if trend.statistic > 0 else 'falls'}, beyond chance."


@dataclass(frozen=True)
class Miss:
    """One item-week that the forecast missed. `tail` is the chance, by the forecast, of an outcome so far off."""

    item: int
    origin: pd.Timestamp
    forecast: float
    sold: int
    tail: float
    reasons: list[str]
    days: pd.DataFrame

    @property
    def is_under(self) -> bool:
        """Whether more was sold than forecast."""
        return self.sold > self.forecast


def find_misses(
    known: pd.DataFrame,
    final: str,
    spread: Spread,
    frame: pd.DataFrame,
    events: pd.DataFrame,
    availability: pd.DataFrame,
    horizon: int,
    least: int = 1,
) -> list[Miss]:
    """Return the worst misses of the test, those that sold more than forecast first.

    The worst are those with the largest Poisson deviance. `frame` is the panel (itemid, date, sales, views and
    features), `events` has the log's sales (timestamp, visitorid, event, itemid) and `availability` the history of
    what could be bought (itemid, available, valid_from, valid_to). Of fewer than `least` buyers it is only said that
    they are so few.
    """
    actual, forecast = known["actual"].to_numpy(), known[final].to_numpy()
    loss = poisson_deviance(actual, forecast)
    chosen: list[int] = []
    for kind in (actual > forecast, actual < forecast):
        places = np.flatnonzero(kind)
        order = np.lexsort((known["series"].to_numpy()[places], -loss[places]))
        chosen += places[order][:CASES].tolist()
    demand = distribution(forecast, spread.dispersion)
    above, below = demand.sf(actual - 1), demand.cdf(actual)
    misses = []
    for place in chosen:
        row = known.iloc[place]
        item, origin = int(row["series"]), pd.Timestamp(row["origin"])
        until = origin + pd.Timedelta(days=horizon)
        own = frame[frame["itemid"] == item]
        days = own[own["date"].between(origin - pd.Timedelta(days=DAYS_BEFORE - 1), until)]
        week = (events["timestamp"] >= origin + pd.Timedelta(days=1)) & (
            events["timestamp"] < until + pd.Timedelta(days=1)
        )
        orders = events[week & (events["itemid"] == item) & (events["event"] == "transaction")]
        offered = availability[availability["itemid"] == item]
        reasons = explain(days, origin, int(row["actual"]), float(row[final]), orders, offered, until, least)
        tail = above[place] if actual[place] > forecast[place] else below[place]
        misses.append(
            Miss(item, origin, float(row[final]), int(row["actual"]), float(tail), reasons, days[["date", "sales"]])
        )
    return misses


def explain(
    days: pd.DataFrame,
    origin: pd.Timestamp,
    sold: int,
    forecast: float,
    orders: pd.DataFrame,
    offered: pd.DataFrame,
    until: pd.Timestamp,
    least: int = 1,
) -> list[str]:
    """Return what the log knows that may explain a miss, one clause each; empty where it knows nothing."""
    before, after = days[days["date"] <= origin], days[days["date"] > origin]
    week = before[before["date"] > origin - pd.Timedelta(days=len(after))]
    views = int(week["views"].sum()), int(after["views"].sum())
    reasons = []
    if sold > forecast:
        largest = int(orders.groupby("visitorid").size().max()) if len(orders) else 0
        hidden = least > 1 and orders["visitorid"].nunique() >= least
        if largest >= 2 and 2 * largest >= sold and not hidden:
            part = f"all {sold}" if largest == sold else f"{largest} of the {sold}"
            reasons.append(f"a single visitor bought {part} units" if least == 1 else f"it had {few(least)} as buyers")
        if views[1] >= 2 * max(views[0], 1) and views[1] >= views[0] + 3:
            reasons.append(f"its views rose from {views[0]} in the week before to {views[1]}")
        if not before["sales"].sum():
            reasons.append(f"it had sold nothing in the {plural(len(before), 'day')} before, so nothing announced it")
    else:
        gone = offered[(~offered["available"].astype(bool)) & (offered["valid_from"] < until + pd.Timedelta(days=1))]
        gone = gone[gone["valid_to"].isna() | (gone["valid_to"] > origin + pd.Timedelta(days=1))]
        if len(gone):
            reasons.append("its properties say that for a part of the week it could not be bought")
        if 2 * views[1] <= views[0] and views[0] >= 3:
            reasons.append(f"its views fell from {views[0]} in the week before to {views[1]}")
        busy = int(week["sales"].sum())
        if busy >= 2 and sold < busy:
            reasons.append(f"it had sold {busy} units in the week before, a run that did not go on")
    age = before["age_days"].max() if len(before) else np.nan
    if age < NEW_ITEM_DAYS:
        reasons.append(f"it had been in the log for {plural(int(age), 'day')} only")
    return reasons


def show_misses(misses: Sequence[Miss], item_weeks: int, horizon: int) -> Finding:
    """Draw the days around each miss, and say one by one what was forecast, what happened and what may explain it."""
    if not misses:
        return Finding("No forecast was scored, so there is no miss to look at.")
    columns = min(len(misses), CASES)
    rows = -(-len(misses) // columns)
    figure, places = figures.canvas(8, 1.75 * rows + 0.3, rows=rows, columns=columns)
    places = np.atleast_1d(places).ravel()
    for axes, miss in zip(places, misses, strict=False):
        draw_miss(axes, miss, horizon)
    for axes in places[len(misses) :]:
        axes.axis("off")
    lines = [describe_miss(miss, item_weeks) for miss in misses]
    told = sum(bool(miss.reasons) for miss in misses)
    summary = (
        f"For {number(told) if told < len(misses) else 'all'} of these {number(len(misses))} the log shows something "
        "that goes with the miss. Whether it is the cause, a log cannot say."
    )
    under = sum(miss.is_under for miss in misses)
    return Finding(
        figure=figure,
        wide=True,
        caption=f"Units sold in the {DAYS_BEFORE} days before each forecast (grey) and in the {plural(horizon, 'day')} "
        "that it was made for (in colour). The line is the forecast, spread over its days.",
        alt=f"{plural(under, 'item-week')} sold far more than forecast, {number(len(misses) - under)} far less.",
        reading="\n".join(f"{place}. {line}" for place, line in enumerate(lines, 1)) + f"\n\n{summary}",
    )


def draw_miss(axes: Axes, miss: Miss, horizon: int) -> None:
    """Draw the daily units of an item around a forecast that missed."""
    place = (pd.to_datetime(miss.days["date"]) - miss.origin).dt.days.to_numpy()
    colour = figures.PALETTE[7] if miss.is_under else figures.PALETTE[0]
    axes.bar(place, miss.days["sales"], color=np.where(place > 0, colour, figures.MUTED), width=0.85)
    axes.hlines(miss.forecast / horizon, 0.5, horizon + 0.5, color=figures.INK, linewidth=1.2)
    axes.axvline(0.5, color=figures.MUTED, linewidth=0.8, linestyle=":")
    axes.set_title(f"item {miss.item}: {miss.forecast:.1f} forecast, {miss.sold} sold", fontsize=8.5)
    axes.set(xlim=(-DAYS_BEFORE, horizon + 1), ylim=(0, max(3, miss.days["sales"].max() * 1.1)))
    axes.set_xlabel("days from the forecast", fontsize=8)
    axes.yaxis.get_major_locator().set_params(integer=True)


def describe_miss(miss: Miss, item_weeks: int) -> str:
    """Say of one miss what was forecast, what was sold, how likely that was, and what may explain it."""
    first = write_date(miss.origin + pd.Timedelta(days=1))
    chance = f"If the forecast is right, an outcome so far off has a chance of {write_chance(miss.tail)}"
    if miss.tail >= USUAL:
        chance += ", which is nothing unusual."
    else:
        chance += (
            f"; of the {plural(item_weeks, 'item-week')} of the test, {write_often(item_weeks * miss.tail)} should be "
            "that unlikely."
        )
    reasons = "; ".join(miss.reasons)
    reasons = f"{reasons[:1].upper()}{reasons[1:]}." if reasons else "Nothing in the log tells this week from others."
    unit = "unit was" if miss.sold == 1 else "units were"
    return (
        f"**Item {miss.item}**, from {first}: {miss.forecast:.2f} units were forecast, "
        f"{miss.sold or 'no'} {unit} sold. {chance} {reasons}"
    )


def write_chance(chance: float) -> str:
    """Write a chance for a reader: 0.234 -> "23.4 %", 0.00023 -> "0.02 %", less -> "less than 0.01 %"."""
    if chance < 0.0001:
        return "less than 0.01 %"
    return percent(chance, 1 if chance >= 0.01 else 2)


def write_often(often: float) -> str:
    """Write how many cases are expected: 93.2 -> "about 93", 0.3 -> "hardly any"."""
    return f"about {number(often)}" if often >= 1 else "hardly any"
