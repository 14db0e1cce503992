"""What cleaning did, told: the ledger as figures and sentences, and as facts."""

import ibis
import pandas as pd
from ibis.backends import BaseBackend
from IPython.display import HTML

from smartrocket import figures
from smartrocket.engine import read_parquet
from smartrocket.findings import Finding, escape_markdown
from smartrocket.privacy import blank_small, few
from smartrocket.tables import table
from smartrocket.wording import cut, joined, number, percent, plural, write_date
from smartrocket.workspace import Workspace

# Outcomes of an event by which nothing is lost that the report should know.
HARMLESS = ["kept", "exact duplicate", "outside the time window", "bot"]
# Above this share of the rows, the ones that cannot be used are more than a log's usual dirt.
MUCH_LOST = 0.05


def read_events(ledger: pd.DataFrame, transactions: dict[str, int]) -> Finding:
    """Say which events were kept and dropped, and what is odd about transaction ids. Warns where much is lost."""
    total, kept = int(ledger.rows.sum()), count_kept(ledger)
    dropped = ledger[ledger.outcome != "kept"]
    reasons = [f"{number(row.rows)} as *{row.outcome}*" for row in dropped.itertuples()]
    lost = (
        f"{number(total - kept)} dropped: {joined(reasons)}"
        if len(reasons) > 1
        else f"{number(total - kept)} dropped as *{joined(list(dropped.outcome))}*"
    )
    reading = f"Of {plural(total, 'row')}, {number(kept)} were kept ({percent(kept / total, 2)})"
    reading += f" and {lost}." if reasons else "; none was dropped."
    without, stray = transactions["transactions_without_id"], transactions["ids_without_transaction"]
    if without or stray:
        reading += (
            f" Transaction ids are not all in order: {plural(without, 'sale')} without an id (kept, a sale is a sale) "
            f"and {plural(stray, 'id')} on an event that is no sale (the event kept, the id removed)."
        )
    else:
        reading += " Transaction ids stand on every sale and on nothing else."
    unusable = ledger[~ledger.outcome.isin(HARMLESS)]
    if unusable.rows.sum() > MUCH_LOST * total:
        reading += (
            f" **Warning: {percent(unusable.rows.sum() / total)} of the rows cannot be used,** "
            f"{'' if len(unusable) == 1 else 'most often '}as *{unusable.outcome[unusable.rows.idxmax()]}*. The report "
            "is about the rest. If these rows should count, mend them in the file and build the report again."
        )
    return Finding(reading)


def count_kept(ledger: pd.DataFrame) -> int:
    """Return the rows of a ledger that were kept."""
    return int(ledger.rows[ledger.outcome == "kept"].sum())


def read_bots(bots: pd.DataFrame, events: int, limit: int | None, least: int = 1) -> Finding:
    """Say what the bot rule drops with each limit tried; `limit` is the one in force, None where the rule is off.

    `bots` is from `cleaning.try_bot_limits`, over the `events` that were kept. What fewer than `least` visitors did is
    not told.
    """
    state = "The rule is off." if limit is None else f"The rule is on: visitors beyond {number(limit)} events are gone."
    left = "" if limit is None else " left"
    if least == 1:
        busiest = f"The busiest visitor{left} has {number(bots.busiest_day.iloc[0])} events on one day"
    else:
        most = number(bots.busiest_day.iloc[0])
        busiest = f"Each of the {least} busiest visitors{left} has {most} events on one day, or more"
    hit = bots[bots.visitors >= max(least, 1)]
    if not bots.visitors.any():
        return Finding(f"{state} {busiest}: none of these limits would change anything.")
    if hit.empty:
        return Finding(f"{state} {busiest}. Each of these limits would drop {few(least)}, if any.")
    parts = [
        f"a limit of {number(row.limit)} would drop {plural(row.visitors, 'visitor')} with {number(row.events)} events "
        f"({percent(row.events / events, 2)} of the log)"
        for row in hit.itertuples()
    ]
    bought = int(hit.bought.iloc[0])
    sales = (
        f"Among the events of the strictest limit are {plural(bought, 'purchase')}: it hits customers, too."
        if bought
        else "No purchase is among them."
    )
    return Finding(f"{state} {busiest}; {joined(parts)}. {sales}")


def tabulate_bots(bots: pd.DataFrame, events: int, least: int = 1) -> pd.DataFrame:
    """List what the bot rule would drop, limit by limit, for readers; missing where that is fewer than `least`."""
    counted = ["visitors", "events", "bought"]
    bots = blank_small(bots, "visitors", counted, least).astype(dict.fromkeys(counted, "Int64"))
    return pd.DataFrame(
        {
            "more events on one day than": bots.limit,
            "visitors dropped": bots.visitors,
            "events dropped": bots.events,
            "share of events": bots.events.astype("Float64") / events,
            "items bought among them": bots.bought,
        }
    )


def tabulate_properties(properties: pd.DataFrame, most: int = 10) -> HTML:
    """Show the properties with most rows, from `cleaning.count_properties`; a sentence where there is none."""
    if properties.empty:
        return HTML('<p class="finding-absent">The shop has written down no property.</p>')
    formats = dict.fromkeys(["rows", "items", "values"], ",.0f")
    # A name is text of the shop's and may be of any length.
    shown = properties.head(most).assign(property=properties.property.map(cut, na_action="ignore"))
    return table(shown, "The most frequent item properties", formats)


def read_properties(
    ledger: pd.DataFrame,
    properties: pd.DataFrame,
    rows: dict[str, int],
    events: ibis.Table,
    connection: BaseBackend,
    workspace: Workspace,
) -> Finding:
    """Say what the property snapshots became, and for which share of the events they hold."""
    total = int(ledger.rows.sum())
    if total == 0:
        return Finding(
            "This shop has no item properties. Prices, categories of items and availability are left out of the "
            "whole report; everything that needs only the click log is there."
        )
    histories = read_parquet(connection, workspace.path("interim/item_categories.parquet"))
    first = histories.aggregate(first=histories.valid_from.min()).to_pandas()["first"].iloc[0]
    # Without any category there is no first snapshot, and no event is before it.
    early = ibis.literal(False) if pd.isna(first) else events.timestamp < ibis.literal(first)
    covered = events.mutate(known=events.itemid.isin(histories.itemid), early=early)
    shares = covered.aggregate(known=covered.known.mean(), early=covered.early.mean()).to_pandas().iloc[0]
    reading = (
        f"The {number(total)} snapshots name {plural(len(properties), 'property', 'properties')}; "
        f"{number(count_kept(ledger))} of them are of the properties in use. They make "
        f"{plural(rows['item_categories'], 'stretch', 'stretches')} of a category, {number(rows['item_prices'])} of a "
        f"price and {number(rows['item_availability'])} of an availability. "
        f"{percent(shares['known'])} of the events are of an item whose category is known at some time."
    )
    if rows["item_names"]:
        reading += f" Items have a name: {plural(rows['item_names'], 'stretch', 'stretches')} of one."
    if shares["early"] > 0:
        reading += (
            f" The first snapshot of a category is of {write_date(first)}: {percent(shares['early'])} of the events "
            "happened before it. For those days the features of the models say *unknown*; nothing is carried back."
        )
    return Finding(reading)


def draw_tree(categories: pd.DataFrame, faults: dict[str, int]) -> Finding:
    """Draw the categories by level, and say what was wrong with the tree."""
    if categories.empty:
        return Finding("This shop has no category tree. Categories, where items name one, are taken without levels.")
    levels = categories.level.value_counts().sort_index()
    roots, deepest = int(levels.iloc[0]), int(levels.index.max())
    figure, axes = figures.canvas(8, 2.8)
    bars = axes.bar(levels.index.astype(str), levels.to_numpy(), color=figures.PALETTE[0])
    axes.bar_label(bars, fmt="{:,.0f}", color=figures.MUTED)
    axes.set(xlabel="level (0 = root)", ylabel="categories")
    fullest = int(levels.idxmax())
    faulty = (
        f"{plural(faults['orphans'], 'orphan')} and {plural(faults['cycles'], 'circle')} were found and mended as said."
        if any(faults.values())
        else "It has neither orphans nor circles."
    )
    return Finding(
        figure=figure,
        caption=f"Categories by level of the tree: {number(len(categories))} in all.",
        alt=f"Bars by level: the fullest level is {fullest} with {number(levels.max())} categories.",
        reading=f"The tree has {plural(len(categories), 'category', 'categories')} under {plural(roots, 'root')}, "
        f"down to level {deepest}; level {fullest} holds most of them ({number(levels.max())}). {faulty}",
    )


def make_frame_ledger(judged: pd.DataFrame, file: str) -> pd.DataFrame:
    """Account for the rows of a judged frame, as `cleaning.make_ledger` does for a table."""
    counts = judged.reason.fillna("kept").value_counts().rename_axis("outcome").reset_index(name="rows")
    counts.insert(0, "file", file)
    return counts.sort_values("outcome", key=lambda names: names != "kept", kind="stable", ignore_index=True)


def draw_ledger(books: pd.DataFrame) -> Finding:
    """Draw what became of each file's rows, as shares, and say that the books balance."""
    totals = books.groupby("file", sort=False).rows.sum()
    outcomes = list(dict.fromkeys(books.outcome))
    figure, axes = figures.canvas(8, 1.2 + 0.55 * len(totals))
    left = pd.Series(0.0, index=totals.index)
    for outcome, colour in zip(outcomes, figures.PALETTE * len(outcomes), strict=False):
        rows = books[books.outcome == outcome].set_index("file").rows.reindex(totals.index, fill_value=0)
        share = 100 * rows / totals
        axes.barh(totals.index, share, left=left, color=colour, label=outcome)
        left += share
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set(xlabel="share of the file's rows (%)", xlim=(0, 100))
    figure.legend(loc="outside lower left", ncols=3)
    parts = [
        f"{escape_markdown(file)}: {number(total)} in = {number(count_kept(books[books.file == file]))} kept + "
        f"{number(total - count_kept(books[books.file == file]))} not used"
        for file, total in totals.items()
    ]
    return Finding(
        figure=figure,
        caption="What became of the rows of each file.",
        alt="Stacked bars of kept and dropped shares. " + "; ".join(parts),
        reading=f"The books balance. {'; '.join(parts)}.",
    )


def tabulate_books(books: pd.DataFrame) -> pd.DataFrame:
    """List what became of the rows of each file: file, outcome, rows, share of the file's rows.

    The first row of a file says how many came in; the others add up to it.
    """
    parts = []
    for file, ledger in books.groupby("file", sort=False):
        total = int(ledger.rows.sum())
        parts.append(pd.DataFrame({"file": [file], "outcome": ["came in"], "rows": [total]}))
        parts.append(ledger)
    listed = pd.concat(parts, ignore_index=True)
    totals = listed["file"].map(books.groupby("file").rows.sum())
    return listed.assign(share=listed["rows"] / totals)


def list_facts(
    books: pd.DataFrame,
    bots: pd.DataFrame,
    categories: pd.DataFrame,
    faults: dict[str, int],
    rows: dict[str, int],
    least: int = 1,
) -> dict[str, tuple[int | None, str]]:
    """Return the notebook's facts: name -> (value, unit); None for what fewer than `least` visitors did."""
    facts: dict[str, tuple[int | None, str]] = {}
    for file, ledger in books.groupby("file", sort=False):
        name = str(file).replace(" ", "_")
        facts[f"{name}_rows_in"] = (int(ledger.rows.sum()), "rows")
        facts[f"{name}_rows_kept"] = (count_kept(ledger), "rows")
        facts[f"{name}_rows_dropped"] = (int(ledger.rows.sum()) - count_kept(ledger), "rows")
    events = books[books.file == "events"].set_index("outcome").rows
    facts["events_rows_unusable"] = (int(events.drop(HARMLESS, errors="ignore").sum()), "rows")
    facts["events_duplicates_dropped"] = (int(events.get("exact duplicate", 0)), "rows")
    over_200 = bots.set_index("limit").loc[200]
    hidden = 0 < over_200.visitors < least
    facts["bot_visitors"] = (None if hidden else int(over_200.visitors), "visitors")
    facts["bot_events"] = (None if hidden else int(over_200.events), "events")
    facts["categories"] = (len(categories), "categories")
    facts["category_roots"] = (int((categories.level == 0).sum()), "categories")
    facts["category_orphans"] = (faults["orphans"], "categories")
    facts["category_circles"] = (faults["cycles"], "circles")
    facts |= {f"{name}_rows": (count, "rows") for name, count in rows.items()}
    return facts
