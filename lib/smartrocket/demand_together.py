"""How forecasts and recommendations work together: what an item will sell, and what is bought with it."""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import pandas as pd

from smartrocket import figures
from smartrocket.behaviour import share_interval
from smartrocket.findings import Finding
from smartrocket.wording import joined, number, percent, plural

PARTNERS = 3
FEWEST_TOGETHER = 3
"""Two items that were in fewer sessions together are no pair: it may be chance."""

MOST_ITEMS = 50
"""A session with more items pairs everything with everything, and says little."""

KINDS = {"transaction": ("bought", "purchases"), "view": ("viewed", "sessions")}


@dataclass(frozen=True)
class Partner:
    """An item that goes with another: in how many sessions together, of how many, and its own expected units."""

    item: int
    together: int
    share: float
    low: float
    high: float
    lift: float
    forecast: float


@dataclass(frozen=True)
class Company:
    """An item, its expected units with the 80 % band, in how many sessions it was, and its partners."""

    item: int
    forecast: float
    low: int
    high: int
    sessions: int
    partners: Sequence[Partner]
    kind: str


def find_company(upcoming: pd.DataFrame, session_events: ibis.Table) -> Company | None:
    """Choose the item that is most often bought together with others and say with which.

    `upcoming` has the forecasts of the days to come (level, series, day, forecast, low_80, high_80),
    `session_events` the log by session (sessionid, event, itemid). Where nothing is bought together often enough,
    what is viewed together takes its place. None where there is no forecast, or no such pair.
    """
    weeks = upcoming[(upcoming["level"] == "item") & (upcoming["day"] == 0)].set_index("series")
    if weeks.empty:
        return None
    for kind in KINDS:
        pairs = (
            session_events.filter(session_events.event == kind)
            .select("sessionid", "itemid")
            .distinct()
            .filter(lambda pair: pair.itemid.isin([int(item) for item in weeks.index]))
        )
        both = count_together(pairs)
        if both.empty:
            continue
        # Of the items with a partner, the one that is expected to sell most: there the answer matters most.
        leads = both.index.get_level_values(0).unique()
        lead = int(weeks.loc[leads, "forecast"].sort_values(ascending=False, kind="stable").index[0])
        found = both.loc[lead].sort_values(ascending=False, kind="stable").head(PARTNERS)
        names = [lead, *(int(item) for item in found.index)]
        counted = pairs.filter(pairs.itemid.isin(names)).itemid.value_counts(name="sessions").to_pandas()
        support = counted.set_index("itemid")["sessions"]
        sessions, own = int(pairs.sessionid.nunique().to_pandas()), int(support[lead])
        partners = []
        for item, together in found.items():
            low, high = share_interval(float(together), float(own))
            lift = together * sessions / (own * int(support[item]))
            forecast = float(weeks.loc[item, "forecast"])
            partners.append(Partner(int(item), int(together), together / own, low, high, float(lift), forecast))
        row = weeks.loc[lead]
        return Company(lead, float(row["forecast"]), int(row["low_80"]), int(row["high_80"]), own, partners, kind)
    return None


def count_together(pairs: ibis.Table) -> pd.Series:
    """Return (item, item) -> in how many sessions both were, of pairs in `FEWEST_TOGETHER` sessions or more.

    `pairs` has each item of a session once: sessionid, itemid. Sessions of more than `MOST_ITEMS` are left out. The
    engine counts; only the pairs that are left come into memory.
    """
    sizes = pairs.group_by("sessionid").agg(size=pairs.count())
    several = pairs.semi_join(sizes.filter(sizes["size"].between(2, MOST_ITEMS)), "sessionid")
    other = several.view().select("sessionid", partner="itemid")
    joined_pairs = several.join(other, "sessionid").filter(lambda pair: pair.itemid != pair.partner)
    counted = joined_pairs.group_by("itemid", "partner").agg(together=joined_pairs.count())
    counted = counted.filter(counted.together >= FEWEST_TOGETHER).order_by("itemid", "partner").to_pandas()
    return counted.set_index(["itemid", "partner"])["together"]


def show_company(company: Company | None, horizon: int) -> Finding:
    """Draw an item's expected demand beside what goes with it, and say what that is good for."""
    if company is None:
        return Finding(
            "There is no worked example: no item with a forecast was in three sessions together with another one."
        )
    done, cases = KINDS[company.kind]
    partners = company.partners
    figure, axes = figures.canvas(8, 0.95 * max(len(partners), 2) + 0.5)
    axes.set(xlim=(0, 1), ylim=(0, len(partners)))
    axes.axis("off")
    middle = len(partners) / 2
    axes.add_patch(figures.box(0.0, middle - 0.42, 0.27, 0.84, figures.PALETTE[0]))
    axes.text(0.015, middle + 0.22, f"item {company.item}", weight="bold", va="center", size=10)
    axes.text(
        0.015,
        middle - 0.12,
        f"forecast: {company.forecast:.2f} units\n80 % band: {company.low} to {company.high}",
        va="center",
        size=8.5,
        color=figures.MUTED,
    )
    for place, partner in enumerate(partners):
        height = len(partners) - place - 0.5
        axes.add_patch(figures.arrow((0.275, middle), (0.7, height)))
        axes.text(
            0.49,
            middle + (height - middle) * 0.5,
            f"{partner.together} of {company.sessions} {cases}: {percent(partner.share, 0)}",
            va="center",
            ha="center",
            size=8.5,
            bbox={"facecolor": figures.PAPER, "edgecolor": "none", "pad": 1.5},
        )
        axes.add_patch(figures.box(0.705, height - 0.38, 0.29, 0.76, figures.PALETTE[1]))
        axes.text(0.72, height + 0.18, f"item {partner.item}", weight="bold", va="center", size=10)
        axes.text(
            0.72, height - 0.14, f"forecast: {partner.forecast:.2f} units", va="center", size=8.5, color=figures.MUTED
        )
    return Finding(
        figure=figure,
        wide=True,
        caption=f"What item {company.item} is expected to sell, and what is {done} with it.",
        alt=f"Item {company.item} is expected to sell {company.forecast:.2f} units; with it is {done} most often item "
        f"{partners[0].item}.",
        reading=describe_company(company, horizon),
    )


def describe_company(company: Company, horizon: int) -> str:
    """Say what an item is expected to sell, what goes with it, and how sure both are."""
    done, _ = KINDS[company.kind]
    first = company.partners[0]
    lines = [
        f"In the coming {plural(horizon, 'day')} item {company.item} is expected to sell {company.forecast:.2f} units, "
        f"{company.low} to {company.high} in at least four weeks of five if the distribution is right. In the log it "
        f"was {done} in {plural(company.sessions, 'session')}."
    ]
    for partner in company.partners:
        more = f"{partner.lift:,.1f} times as often as chance would have it"
        lines.append(
            f"Item {partner.item} was {done} in {number(partner.together)} of them, {percent(partner.share)} (95 % "
            f"interval {percent(partner.low)} to {percent(partner.high)}), {more}. Its own forecast is "
            f"{partner.forecast:.2f} units."
        )
    if company.kind == "transaction":
        expected = company.forecast * first.share
        lines.append(
            f"If each of the expected units is one purchase and the habit goes on, {expected:.2f} of them come "
            f"together with item {first.item}. The forecast of that item, {first.forecast:.2f} units, holds such sales "
            "already: nothing is to be added to it."
        )
    else:
        lines.append(
            "No pair of these items was bought together often enough to count, so this is what is viewed together: "
            "interest, not sales."
        )
    names = joined([f"item {partner.item}" for partner in company.partners])
    lines.append(
        f"So the forecast says how many of item {company.item} to have in stock, and the company it keeps says what to "
        f"show beside it: {names}."
    )
    return " ".join(lines)
