"""The features told: figures and sentences of notebook 03."""

import re
from datetime import date

import ibis
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.wording import duration, number, percent, plural, write_date
from smartrocket.workspace import Workspace

STATISTICS = {
    "lag": "the day so many days before",
    "sum": "sum over so many days",
    "mean": "mean of a day, over so many days",
    "days_since": "days since the last one",
    "total": "since the item's first day",
    "recent": "mean that fades: half the weight after so many days",
    "trend": "pace of the last days over that of the longer window",
    "share": "the item's share of them, over so many days",
    "smoothed": "sold per view over so many days, drawn towards the shop's where views are few",
    "change": "difference from the value so many days before",
    "to_mean": "relative to the item's own mean over so many days",
    "to_category": "relative to the mean of the category's items on the day",
}


def read_days(events: ibis.Table, days: tuple[date, date]) -> Finding:
    """Say which days of the log are whole."""
    ends = events.aggregate(first=events.timestamp.min(), last=events.timestamp.max()).to_pandas().iloc[0]
    whole = (days[1] - days[0]).days + 1
    until = f" to {write_date(days[1])}" if whole > 1 else ""
    return Finding(
        f"The log runs from {write_date(ends['first'])} {ends['first']:%H:%M} to {write_date(ends['last'])} "
        f"{ends['last']:%H:%M} (UTC). The panel covers "
        f"{plural(whole, 'whole day')}, {write_date(days[0])}{until}."
    )


def draw_panel(panel: ibis.Table, facts: dict) -> Finding:
    """Draw how many items the panel holds and sells from day to day, and state its size and sparsity."""
    if facts["rows"] == 0:
        return Finding(
            "No item did what would let it into the panel: the panel is empty, and there is nothing to forecast."
        )
    daily = panel.group_by("date").agg(items=panel.count(), selling=(panel.sales > 0).sum())
    daily = daily.order_by("date").to_pandas()
    figure, rows = figures.canvas(8, 3.6, rows=2)
    titles = {"items": "Items in the panel", "selling": "Items that sold on the day"}
    for axes, (column, title), colour in zip(rows, titles.items(), figures.PALETTE[::2], strict=False):
        axes.plot(pd.to_datetime(daily.date), daily[column], color=colour)
        axes.set(title=title, ylim=(0, None))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(figures.THOUSANDS)
        figures.draw_dates(axes)
    empty = 1 - facts["rows_with_sales"] / facts["rows"]
    were = "was" if facts["sales_outside"] == 1 else "were"
    return Finding(
        figure=figure,
        caption="Items in the panel, and items that sold, by day.",
        alt=f"The panel grows to {number(daily['items'].iloc[-1])} items; on a median day "
        f"{number(daily.selling.median())} of them sell.",
        reading=f"The panel has {plural(facts['rows'], 'row')}: {plural(facts['items'], 'item')} of the "
        f"{number(facts['shop_items'])} in the log, from the day each entered. {percent(empty)} of its item-days have "
        f"no sale. Of the {plural(facts['units'], 'unit')} sold on whole days, {number(facts['sales_outside'])} {were} "
        "sold on the day the item entered: the panel has no earlier row of it to forecast from.",
    )


def group_features(features: list[str]) -> pd.DataFrame:
    """List the features by what they are made of: source, statistic, windows in days."""
    rows: dict[tuple[str, str], list[str]] = {}
    for feature in features:
        match = re.fullmatch(rf"(.+?)_({'|'.join(STATISTICS)})(?:_([\d_]+))?", feature)
        source, statistic, window = match.groups() if match else (feature, "value", None)
        meaning = STATISTICS.get(statistic, "as of the day")
        rows.setdefault((source.replace("_", " "), meaning), []).append((window or "–").replace("_", " against "))
    records = [(source, meaning, ", ".join(windows)) for (source, meaning), windows in rows.items()]
    return pd.DataFrame(records, columns=["source", "statistic", "days"])


def draw_signal(panel: ibis.Table, horizon_days: int) -> Finding:
    """Draw mean units over the horizon by the adds to cart of the week before."""
    known = panel.filter(panel.target.notnull())
    groups = known.group_by(addtocarts=ibis.least(known.addtocarts_sum_7, 4)).agg(
        rows=known.count(), units=known.target.mean()
    )
    groups = groups.order_by("addtocarts").to_pandas()
    if groups.empty or groups.units.max() < 0.005:
        return Finding(
            f"Hardly any item-day is followed by a sale within {plural(horizon_days, 'day')}, so there is no signal to "
            "look for."
        )
    labels = [f"{count}{'+' if count == 4 else ''}" for count in groups.addtocarts]
    if len(groups) < 2:
        return Finding(
            f"Each item-day has {labels[0]} adds to cart in the week before, so there is no signal to look for: sales "
            "have to be told from something else."
        )
    figure, axes = figures.canvas(8, 3)
    bars = axes.bar(labels, groups.units, color=figures.PALETTE[2])
    axes.bar_label(bars, fmt="{:.2f}", color=figures.MUTED)
    axes.set(xlabel="adds to cart in the last 7 days", ylabel=f"mean units, next {horizon_days} days")
    low, high = groups.units.iloc[0], groups.units.iloc[-1]
    compared = f"{high / low:,.1f} times as many" if low > 0 else "more" if high > 0 else "no more"
    return Finding(
        figure=figure,
        caption=f"Mean units sold over the next {horizon_days} days, by adds to cart of the last 7 days.",
        alt=f"Items with {labels[0]} adds to cart sell {low:.2f} units on average, those with {labels[-1]} {high:.2f}.",
        reading=f"An item-day with {labels[0]} adds to cart in the week before is followed by {low:.2f} units "
        f"on average, one with {labels[-1]} by {high:.2f}, {compared}. This is over all days, and no test of a "
        "forecast.",
    )


def read_sessions(session_events: ibis.Table, gap_minutes: int) -> Finding:
    """Say how many sessions there are and how long they last."""
    sessions = session_events.group_by("sessionid").agg(
        events=session_events.count(),
        seconds=session_events.timestamp.max().delta(session_events.timestamp.min(), unit="second"),
    )
    summary = sessions.aggregate(
        sessions=sessions.count(),
        single=(sessions.events == 1).mean(),
        events=sessions.events.mean(),
        seconds=sessions.seconds.median(where=sessions.events > 1),
    )
    counts = summary.to_pandas().iloc[0]
    are = "is" if counts.sessions == 1 else "are"
    reading = (
        f"With a gap of {gap_minutes} minutes there {are} {plural(int(counts.sessions), 'session')} of "
        f"{counts.events:.2f} events on average; {percent(counts.single)} of them are a single event."
    )
    if pd.notna(counts.seconds):
        reading += f" Half of the longer ones last under {duration(counts.seconds)}."
    return Finding(reading)


def draw_sequences(train: pd.DataFrame, test: pd.DataFrame, test_days: int) -> Finding:
    """Draw the lengths of the training and test sequences, and state their numbers."""
    if train.empty:
        return Finding(
            "No sequence is left after the protocol's filters: sessions of this shop are too few or too short. "
            "The recommendation notebooks will say so instead of claiming anything."
        )
    parts = {"training": train, "test": test}
    figure, axes = figures.canvas(8, 3)
    for (name, part), shift in zip(parts.items(), (-0.2, 0.2), strict=True):
        lengths = np.minimum(part.groupby("sessionid").size(), 10)
        shares = lengths.value_counts(normalize=True).reindex(range(2, 11), fill_value=0)
        axes.bar(shares.index + shift, 100 * shares, width=0.4, label=name)
    axes.set_xticks(range(2, 11), [*map(str, range(2, 10)), "10+"])
    axes.set(xlabel="clicks in the sequence", ylabel="share of sequences (%)")
    axes.legend()
    counted = {name: (part.sessionid.nunique(), len(part)) for name, part in parts.items()}
    end = max(part.timestamp.max() for part in parts.values() if not part.empty)
    begin, end = write_date(end - pd.Timedelta(days=test_days)), write_date(end)
    wanted = counted["test"][1] - counted["test"][0]
    return Finding(
        figure=figure,
        caption="Lengths of training and test sequences.",
        alt=f"The median training sequence has {train.groupby('sessionid').size().median():.0f} clicks.",
        reading=f"Training has {plural(counted['training'][0], 'sequence')} with "
        f"{plural(counted['training'][1], 'click')} on {plural(train.itemid.nunique(), 'item')}; "
        f"those that start in the last {plural(test_days, 'day')} of these sequences, from {begin} to {end}, give "
        f"{plural(counted['test'][0], 'test sequence')} with {plural(counted['test'][1], 'click')}, in which "
        f"{plural(wanted, 'next item is', 'next items are')} to be found.",
    )


def draw_related(related: ibis.Table, events: ibis.Table) -> Finding:
    """Draw how many related items the items have, and state the coverage."""
    pairs = int(related.count().execute())
    if pairs == 0:
        return Finding("No two items share two sessions: this shop's log is too small for related items.")
    counts = related.group_by("itemid").agg(neighbours=related.count())
    spread = counts.group_by("neighbours").agg(items=counts.count()).order_by("neighbours").to_pandas()
    items = int(spread["items"].sum())
    strongest = related.filter(related["rank"] == 0).lift.median().execute()
    above = int((related.lift > 1).sum().execute()) / pairs
    figure, axes = figures.canvas(8, 2.8)
    axes.bar(spread.neighbours, spread["items"], color=figures.PALETTE[4])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="related items found", ylabel="items")
    share = items / int(events.itemid.nunique().execute())
    return Finding(
        figure=figure,
        caption="How many related items the items have.",
        alt=f"{number(items)} items have at least one related item.",
        reading=f"{plural(items, 'item')} ({percent(share)} of those in the log) have at least one related item, in "
        f"{plural(pairs, 'pair')}. The nearest neighbour of a median item shares {strongest:,.0f} times as many "
        f"sessions with it as chance would give. {percent(above)} of the pairs share more than chance would give.",
    )


def list_facts(
    panel_facts: dict,
    features: list[str],
    session_events: ibis.Table,
    train: pd.DataFrame,
    test: pd.DataFrame,
    workspace: Workspace,
) -> dict[str, tuple]:
    """Return the notebook's facts: name -> (value, unit)."""
    related = workspace.read("processed/related_items.parquet", columns=["itemid"])
    return {
        "panel_rows": (panel_facts["rows"], "rows"),
        "panel_items": (panel_facts["items"], "items"),
        "panel_first_date": (panel_facts["first_date"], "UTC"),
        "panel_last_date": (panel_facts["last_date"], "UTC"),
        "panel_rows_with_sales": (panel_facts["rows_with_sales"], "rows"),
        "units_sold": (panel_facts["units"], "units"),
        "units_on_entry_day": (panel_facts["sales_outside"], "units"),
        "features": (len(features), "features"),
        "sessions": (int(session_events.sessionid.nunique().execute()), "sessions"),
        "train_sequences": (train.sessionid.nunique(), "sequences"),
        "train_clicks": (len(train), "clicks"),
        "test_sequences": (test.sessionid.nunique(), "sequences"),
        "test_clicks": (len(test), "clicks"),
        "sequence_items": (train.itemid.nunique(), "items"),
        "related_pairs": (len(related), "pairs"),
        "items_with_related": (related.itemid.nunique(), "items"),
    }
