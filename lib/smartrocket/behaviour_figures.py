"""Figures of what visitors do: each takes the small frames of `behaviour` and returns a finding.

A finding says what the figure shows for the data at hand, with numbers. Where there is too little data for
the question, it has no figure and says what is missing.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, MaxNLocator

from smartrocket import figures
from smartrocket.behaviour import (
    BOT_EVENTS_A_DAY,
    EVENT_TYPES,
    FUNNEL,
    WEEKDAYS,
    share_interval,
)
from smartrocket.figures import EVENT_COLOURS, INK, MUTED, PALETTE, PAPER, SEQUENTIAL, THOUSANDS, draw_dates
from smartrocket.findings import Finding, escape_markdown
from smartrocket.privacy import blank_small, few, is_small, merge_bins
from smartrocket.wording import duration, joined, number, percent, plural

EVENT_NAMES = {
    "view": "views",
    "addtocart": "adds to cart",
    "removefromcart": "removals from cart",
    "transaction": "items bought",
}
ONE_EVENT = {
    "view": "a view",
    "addtocart": "an add to cart",
    "removefromcart": "a removal from cart",
    "transaction": "an item bought",
}
# Below this many cases a share says too little to be compared.
FEWEST = 10
SHARES = FuncFormatter(lambda value, _place: f"{100 * value:,.3g} %")


def only_axis(axes: Axes, grid: str) -> None:
    """Keep the grid lines of one axis of a chart: "x" for horizontal bars, "y" for columns, "both" or
    "none".
    """
    axes.grid(False)
    if grid != "none":
        axes.grid(True, axis=grid)


def label_bars(axes: Axes, bars: BarContainer, texts: list[str]) -> None:
    """Write a text at the end of each bar, and leave room for it."""
    axes.bar_label(bars, labels=texts, padding=3, fontsize=9, color=INK)
    axes.margins(x=0.18) if bars.orientation == "horizontal" else axes.margins(y=0.14)


def draw_rows(axes: Axes, labels: list[str], values: list, texts: list[str], colours: str | list[str]) -> None:
    """Draw horizontal bars, the first on top, each with its text."""
    bars = axes.barh(range(len(labels)), values, color=colours, height=0.68)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    only_axis(axes, "x")
    label_bars(axes, bars, texts)


def draw_columns(axes: Axes, labels: list[str], values: list, colours: str | list[str]) -> None:
    """Draw columns with the share of each written above it."""
    bars = axes.bar(range(len(labels)), values, color=colours, width=0.78)
    axes.set_xticks(range(len(labels)), labels)
    label_bars(axes, bars, [percent(value) if value else "" for value in values])
    axes.yaxis.set_major_formatter(SHARES)


def draw_heat(axes: Axes, values: np.ndarray, highest: float | None = None) -> AxesImage:
    """Draw a heat map with its first row on top; returns the image, for a colour bar. Missing cells stay
    empty.

    An image of one pixel a cell keeps the page small: drawn as paths, each cell would take 300 characters.
    """
    image = axes.imshow(values, cmap=SEQUENTIAL, vmin=0, vmax=highest, aspect="auto", interpolation="none")
    only_axis(axes, "none")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image


def shares_of(values: pd.Series) -> pd.Series:
    """Divide counts by their sum, which must not be zero."""
    return values / values.sum()


def between(low: float, high: float) -> str:
    """Write a 95 % interval of a share."""
    return f"95 % interval {percent(low, 2)} to {percent(high, 2)}"


def seconds_label(seconds: float) -> str:
    """Write a length of time shortly for an axis: 30 -> "30 s", 300 -> "5 min"."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:,.3g} {unit}"
    return f"{seconds:,.3g} s"


def range_labels(lows: pd.Series, highs: pd.Series, write=seconds_label) -> list[str]:
    """Label ranges: the first "< high", the open last one "> low", those between "low–high"."""
    labels = [
        f"{write(low)}–{write(high)}" if high is not None else f"> {write(low)}"
        for low, high in zip(lows, highs, strict=True)
    ]
    if highs.iloc[0] is not None:
        labels[0] = f"< {write(highs.iloc[0])}"
    return labels


def day_text(moment: pd.Timestamp) -> str:
    """Write a date: 3 May 2015."""
    return f"{moment.day} {moment:%B %Y}"


# ---- files -----------------------------------------------------------------------------------------------


def read_files(files: pd.DataFrame, types: pd.DataFrame, matched: pd.Series, daily: pd.DataFrame) -> Finding:
    """Say in words what the raw files are like, from `behaviour.profile_files`, `count_event_types`,
    `match_catalogue` and `daily_volume`."""
    told = files.set_index("file")
    events = told.loc["events"]
    unknown = types[~types["known"]]
    late = int(events["out_of_order"]) / events["rows"]
    sentences = [
        f"The events file has {plural(int(events['rows']), 'row')}, of which {number(events['duplicates'])} "
        "repeat an "
        f"earlier row exactly, and runs from {events['first']} to {events['last']} UTC.",
        "Its rows are in order of time."
        if late == 0
        else f"{percent(late)} of its rows are older than the row before: the file is not sorted by time.",
        describe_unknown(unknown),
        describe_missing_files(told["rows"]),
        describe_unlisted(matched),
        describe_partial(daily[~daily["whole"]]),
        f"What follows uses the {plural(int(matched['events']), 'distinct event')} of a known type that "
        f"{'name' if matched['events'] != 1 else 'names'} a visitor, an item and a time.",
    ]
    return Finding(reading=" ".join(filter(None, sentences)))


def describe_unlisted(matched: pd.Series) -> str:
    """Say how many of the log's items the item properties do not know; empty for a shop without them."""
    if not matched["catalogue"]:
        return ""
    unlisted = int(matched["items"] - matched["listed_items"])
    if not unlisted:
        return "Every item of the log is in the item properties."
    events = int(matched["events"] - matched["listed_events"])
    return (
        f"{number(unlisted)} of the {plural(int(matched['items']), 'item')} in the log are not in the item properties, "
        f"with {percent(events / matched['events'])} of the events: their category and price are unknown."
    )


def describe_unknown(unknown: pd.DataFrame) -> str:
    """Name the event types that the log should not have."""
    if unknown.empty:
        return "Every event is of a known type."
    names = [f"{escape_markdown(row.event or '(empty)')} ({number(row.rows)})" for row in unknown.head(5).itertuples()]
    more = " and others" if len(unknown) > 5 else ""
    count = int(unknown["rows"].sum())
    verb = "is" if count == 1 else "are"
    return f"{plural(count, 'row')} of an unknown type {verb} left aside: {joined(names)}{more}."


def describe_missing_files(rows: pd.Series) -> str:
    """Say which of the optional files the shop lacks, and what follows from it."""
    lost = {
        "item properties": "categories and prices are left out of what follows",
        "category tree": "categories have no order among them",
    }
    absent = [f"The shop has no {name}: {consequence}." for name, consequence in lost.items() if not rows[name]]
    return " ".join(absent) or "Item properties and a category tree are there."


# ---- days and hours --------------------------------------------------------------------------------------


def daily_volume(daily: pd.DataFrame) -> Finding:
    """Show each day's events by type, with a moving average of seven days, from `behaviour.daily_volume`."""
    kinds = [kind for kind in EVENT_TYPES if daily[kind].sum()]
    totals = daily[kinds].sum(axis=1)
    if len(daily) < 2:
        return Finding(
            reading=f"The log covers one day, {day_text(daily['date'].iloc[0])}, with "
            f"{plural(int(totals.sum()), 'event')}: a course over days needs at least two."
        )
    figure, rows = figures.canvas(8, 0.8 + 1.25 * len(kinds), rows=len(kinds))
    rows = np.atleast_1d(rows)
    partial = daily[~daily["whole"]]
    for axes, kind in zip(rows, kinds, strict=True):
        axes.plot(daily["date"], daily[kind], color=EVENT_COLOURS[kind], linewidth=0.9, alpha=0.55)
        smooth = daily[kind].where(daily["whole"]).rolling(7, center=True).mean()
        axes.plot(daily["date"], smooth, color=EVENT_COLOURS[kind], linewidth=2.2)
        axes.plot(
            partial["date"],
            partial[kind],
            "o",
            markerfacecolor=PAPER,
            color=EVENT_COLOURS[kind],
            markersize=5,
        )
        axes.set_title(EVENT_NAMES[kind].capitalize())
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(THOUSANDS)
        draw_dates(axes)
        axes.tick_params(axis="x", labelbottom=axes is rows[-1])
        axes.xaxis.offsetText.set_visible(axes is rows[-1])
    return Finding(
        figure=figure,
        caption="Events of each day by type: daily counts (thin), mean of seven days around each whole day "
        "(thick), "
        "and days that the log covers only in part (circles).",
        alt=f"Lines of daily events. {describe_days(daily, totals)}",
        reading=" ".join(
            [describe_days(daily, totals), describe_partial(partial), describe_last_week(daily, totals)]
        ).strip(),
    )


def describe_days(daily: pd.DataFrame, totals: pd.Series) -> str:
    """Say how many events a day brings, and the extremes."""
    kept = totals[daily["whole"]] if daily["whole"].any() else totals
    dates = daily["date"]
    which = "whole day" if daily["whole"].any() else "day"
    return (
        f"From {day_text(dates.iloc[0])} to {day_text(dates.iloc[-1])} a {which} brings "
        f"{number(kept.mean())} events on "
        f"average, between {number(kept.min())} ({day_text(dates[kept.idxmin()])}) and {number(kept.max())} "
        f"({day_text(dates[kept.idxmax()])})."
    )


def describe_partial(partial: pd.DataFrame) -> str:
    """Name the days that are covered in part."""
    if partial.empty:
        return "Every day is covered from midnight to midnight."
    names = joined([day_text(moment) for moment in partial["date"]])
    verb = "is" if len(partial) == 1 else "are"
    return f"{names} {verb} covered only in part, and the averages leave {'it' if len(partial) == 1 else 'them'} out."


def describe_last_week(daily: pd.DataFrame, totals: pd.Series) -> str:
    """Compare the last seven whole days with the seven before, if there are as many."""
    kept = totals[daily["whole"]]
    if len(kept) < 14 or not kept.iloc[-14:-7].sum():
        return ""
    change = kept.iloc[-7:].sum() / kept.iloc[-14:-7].sum() - 1
    word = "more" if change >= 0 else "fewer"
    return f"The last seven whole days bring {percent(abs(change))} {word} events than the seven days before."


def weekly_rhythm(rhythm: pd.DataFrame) -> Finding:
    """Show how busy each weekday is compared with the average weekday, from `behaviour.weekly_rhythm`."""
    if len(rhythm) < 7 or rhythm["days"].min() < 2:
        return Finding(
            reading="A weekly rhythm needs at least two whole days of each weekday; this log has "
            f"{plural(int(rhythm['days'].sum()), 'whole day')}."
        )
    counts = {kind: (rhythm[kind] * rhythm["days"]).sum() for kind in EVENT_TYPES}
    # The most frequent kind is shown however few there are; a log of carts and sales alone has no views.
    kinds = [kind for kind in EVENT_TYPES if counts[kind] >= 7 * FEWEST] or [max(counts, key=counts.get)]
    relative = rhythm[kinds] / rhythm[kinds].mean()
    figure, axes = figures.canvas(8, 3.2)
    for kind in kinds:
        axes.plot(WEEKDAYS, relative[kind], marker="o", color=EVENT_COLOURS[kind], label=EVENT_NAMES[kind])
    axes.axhline(1, color=MUTED, linewidth=1, linestyle="--")
    axes.yaxis.set_major_formatter(SHARES)
    axes.set_ylabel("of the average weekday")
    axes.set_ylim(bottom=0)
    axes.legend(ncols=len(kinds), loc="lower left")
    sentences = [
        f"{EVENT_NAMES[kind].capitalize()} are most frequent on {WEEKDAYS[relative[kind].idxmax()]} "
        f"({percent(relative[kind].max(), 0)} of the average weekday) and least on "
        f"{WEEKDAYS[relative[kind].idxmin()]} "
        f"({percent(relative[kind].min(), 0)})."
        for kind in kinds
    ]
    rare = [EVENT_NAMES[kind] for kind in EVENT_TYPES if counts[kind] and kind not in kinds]
    left_out = f"Too few to compare by weekday, and left out: {joined(rare)}." if rare else ""
    return Finding(
        figure=figure,
        caption="Mean events of a whole day by weekday, each type relative to its own average weekday (100 %).",
        alt="Line chart. " + " ".join(sentences),
        reading=" ".join([*sentences, left_out]).strip(),
    )


def hour_heat(hourly: pd.DataFrame, time_zone: str) -> Finding:
    """Show the events by weekday and hour of the given time zone, from `behaviour.hourly_volume`."""
    if hourly["weekday"].nunique() < 7:
        return Finding(
            reading="A map of hours and weekdays needs a whole day of each weekday; this log covers "
            f"{plural(int(hourly['weekday'].nunique()), 'weekday')}."
        )
    grid = hourly.pivot(index="weekday", columns="hour", values="events").to_numpy()
    figure, axes = figures.canvas(8, 2.9)
    mesh = draw_heat(axes, grid)
    axes.set_yticks(range(7), WEEKDAYS)
    axes.set_xticks(range(0, 24, 3), [f"{hour}:00" for hour in range(0, 24, 3)])
    axes.set_xlabel(f"hour of the day, {time_zone}")
    bar = figure.colorbar(mesh, ax=axes, pad=0.01, label="events an hour")
    bar.outline.set_visible(False)
    by_hour = hourly.groupby("hour")["events"].mean()
    peak = hourly.loc[hourly["events"].idxmax()]
    sentence = (
        f"The busiest hour of the day begins at {by_hour.idxmax()}:00 and the quietest at "
        f"{by_hour.idxmin()}:00 "
        f"({time_zone}), with {number(by_hour.max(), 1)} and {number(by_hour.min(), 1)} events on average; "
        "the busiest "
        f"hour of the week is {WEEKDAYS[int(peak['weekday'])]} at {int(peak['hour'])}:00 with "
        f"{number(peak['events'], 1)}."
    )
    warning = (
        "UTC is no shop's local time unless the shop is known to keep it: read the hours as a shape, not as "
        "a time of day."
        if time_zone == "UTC"
        else f"Hours are those of the time zone {escape_markdown(time_zone)}; visitors elsewhere live by other clocks."
    )
    return Finding(
        figure=figure,
        caption=f"Mean events an hour by weekday and hour of the day, in the time zone {time_zone}, over whole days.",
        alt=f"Heat map. {sentence}",
        reading=f"{sentence} {warning}",
    )


# ---- sessions --------------------------------------------------------------------------------------------


def sessions(lengths: pd.DataFrame, durations: pd.DataFrame, summary: pd.Series, session_gap_minutes: int) -> Finding:
    """Show how many events sessions have and how long they last, from `behaviour.session_lengths`,
    `session_durations` and `summarise_sessions`."""
    total = int(summary["sessions"])
    lasting = int(durations["sessions"].sum())
    sentence = (
        f"{percent(summary['single'] / total)} of the {plural(total, 'session')} are a single event; "
        f"the median is {number(summary['events_median'])} and 95 % have at most "
        f"{number(summary['events_p95'])}."
    )
    time = "No session has two events, so none has a duration."
    if lasting:
        time = (
            f"Sessions of two events or more last {duration(summary['seconds_median'])} at the median, and "
            "95 % of "
            f"them at most {duration(summary['seconds_p95'])}; time spent after the last event is in no log."
        )
    figure, (left, right) = figures.canvas(8, 3.4, columns=2)
    labels = [str(events) for events in lengths["events"]]
    labels[-1] += "+"
    shares = list(shares_of(lengths["sessions"]))
    draw_rows(left, labels, shares, [percent(share) for share in shares], PALETTE[0])
    left.xaxis.set_major_formatter(SHARES)
    left.set_title("Events in a session")
    if lasting:
        shares = list(shares_of(durations["sessions"]))
        texts = range_labels(durations["low"], durations["high"])
        draw_rows(right, texts, shares, [percent(share) for share in shares], PALETTE[4])
        right.xaxis.set_major_formatter(SHARES)
    else:
        right.set_axis_off()
    right.set_title("Duration, two events or more")
    return Finding(
        figure=figure,
        caption="Length and duration of sessions. A session ends when its visitor does nothing for more "
        "than "
        f"{session_gap_minutes} minutes.",
        alt=f"Bar charts of session length and duration. {sentence}",
        reading=f"{sentence} {time}",
    )


GAP_COLOURS = {"quick": PALETTE[0], "active": PALETTE[2], "comparing": PALETTE[1], "returning": MUTED}


def gaps(frame: pd.DataFrame, summary: pd.Series, session_gap_minutes: int) -> Finding:
    """Show the pauses between a visitor's events by class, from `behaviour.gaps` and `summarise_gaps`."""
    total = int(frame["gaps"].sum())
    if total < FEWEST:
        return Finding(
            reading=f"Pauses need visitors with several events; this log has {plural(total, 'pause')} in all."
        )
    shares = shares_of(frame["gaps"])
    by_class = shares.groupby(frame["gap_class"], sort=False, observed=True).sum()
    # Added up, not taken from 1, which would leave a trace of rounding where no pause lies within a session.
    inside = shares[frame["gap_class"] != "returning"].sum()
    figure, axes = figures.canvas(8, 3.3)
    draw_columns(
        axes,
        range_labels(frame["low"], frame["high"]),
        list(shares),
        [GAP_COLOURS[name] for name in frame["gap_class"]],
    )
    axes.tick_params(axis="x", labelsize=8, labelrotation=25)
    axes.set_ylabel("share of pauses")
    handles = [axes.patches[list(frame["gap_class"]).index(name)] for name in by_class.index]
    axes.legend(handles, by_class.index, ncols=4, loc="upper right")
    top = axes.get_ylim()[1]
    axes.set_ylim(0, 1.15 * top)
    sentence = (
        f"Of the {plural(total, 'pause')} between two events of a visitor, {percent(by_class['returning'])} "
        "are longer "
        f"than {plural(session_gap_minutes, 'minute')} and so part two sessions"
    )
    parts = [
        f"{percent(by_class[name] / inside)} are {name}" for name in by_class.index if name != "returning" and inside
    ]
    within = (
        f"Of those within sessions {joined(parts)}; their median is {duration(summary['inside'])}."
        if inside
        else "No pause lies within a session."
    )
    return Finding(
        figure=figure,
        caption="Time between consecutive events of a visitor: quick (under a minute), active (one to five "
        "minutes), "
        f"comparing (five minutes up to the session gap of {plural(session_gap_minutes, 'minute')}), "
        "returning (longer).",
        alt=f"Columns of pauses by length. {sentence}. {within}",
        reading=f"{sentence}. {within}",
    )


def funnel(stages: pd.DataFrame, conversion: pd.DataFrame) -> Finding:
    """Show how many visitors and sessions reach each stage up to a purchase, from `behaviour.funnel` and
    `behaviour.conversion`."""
    figure, panels = figures.canvas(8, 2.6, columns=2)
    colours = [EVENT_COLOURS[kind] for kind in ("view", "addtocart", "transaction")]
    sentences = []
    for axes, level in zip(panels, ("visitor", "session"), strict=True):
        rows = stages[stages["level"] == level]
        counts, total = list(rows["count"]), int(rows["total"].iloc[0])
        texts = [f"{number(count)} ({percent(count / total, 2)})" for count in counts]
        draw_rows(axes, list(FUNNEL), counts, texts, colours)
        axes.set_xlim(0, 1.6 * max(*counts, 1))
        axes.xaxis.set_major_formatter(THOUSANDS)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.set_title(f"{level.capitalize()}s")
        sentences.append(describe_funnel(level, counts, conversion))
    return Finding(
        figure=figure,
        caption="The funnel: visitors and sessions that viewed; that viewed and added to cart; that viewed, "
        "added to "
        "cart and bought. In brackets the share of all of them.",
        alt="Bar charts of the funnel. " + " ".join(sentences),
        reading=" ".join(sentences),
    )


def describe_funnel(level: str, counts: list[int], conversion: pd.DataFrame) -> str:
    """Say how many reach the stages, and how many buy by any way."""
    viewed, added, bought = counts
    row = conversion.set_index("level").loc[level]
    buyers, total = int(row["buyers"]), int(row["total"])
    steps = f"Of {plural(viewed, level)} with a view, {number(added)} also add to cart"
    if added:
        steps += f", and {number(bought)} of these buy"
    if not buyers:
        return f"{steps}; no {level} of the log has a purchase at all."
    aside = buyers - bought
    where = "the log" if level == "visitor" else "the same session"
    way = f", {number(aside)} of them without both a view and an add to cart in {where}" if aside else ""
    interval = between(*share_interval(buyers, total))
    return f"{steps}. In all {percent(buyers / total, 2)} of {level}s buy ({number(buyers)}{way}; {interval})."


def transitions(steps: pd.DataFrame) -> Finding:
    """Show which event follows which within sessions, from `behaviour.transitions`."""
    total = int(steps["steps"].sum())
    if total < FEWEST:
        return Finding(
            reading=f"What follows what needs sessions of several events; this log has {plural(total, 'such step')}."
        )
    kinds = list(dict.fromkeys(steps["origin"]))
    grid = steps.pivot(index="origin", columns="event", values="share").loc[kinds, kinds].to_numpy(dtype="float64")
    figure, axes = figures.canvas(6.4, 1.1 + 0.62 * len(kinds))
    # The scale goes beyond 100 %, so that the darkest cell still lets its text be read on a light and a dark page.
    draw_heat(axes, grid, highest=1.3)
    names = [EVENT_NAMES[kind] for kind in kinds]
    axes.set_xticks(range(len(kinds)), names)
    axes.set_yticks(range(len(kinds)), names)
    axes.set_xlabel("next event")
    axes.set_ylabel("event")
    for (row, column), share in np.ndenumerate(grid):
        if not np.isnan(share):
            axes.text(column, row, percent(share), ha="center", va="center", color=INK)
    sentences = []
    for origin, rows in steps.groupby("origin", sort=False):
        count = int(rows["steps"].sum())
        if count:
            top = rows.loc[rows["steps"].idxmax()]
            few = ", too few to lean on" if count < 3 * FEWEST else ""
            sentences.append(
                f"{ONE_EVENT[origin]} is most often followed by {ONE_EVENT[top['event']]} "
                f"({percent(top['share'])} of {plural(count, 'step')}{few})"
            )
    sentence = f"Within sessions, {joined(sentences)}."
    return Finding(
        figure=figure,
        caption="From an event (row) to the next event of the same session (column): share of the row's steps.",
        alt=f"Heat map. {sentence}",
        reading=sentence,
    )


# ---- visitors --------------------------------------------------------------------------------------------


def visitor_types(types: pd.DataFrame, baskets: pd.DataFrame, least: int = 1) -> Finding:
    """Show the types of visitors by their share of visitors, events and bought items, from
    `behaviour.visitor_types` and `behaviour.baskets`; nothing of types with fewer than `least` visitors."""
    if is_small(types["visitors"], least).any():
        return Finding(f"Kinds of visitors are not shown, since one of them has {few(least)}.")
    names = [f"{row.visitor_type} ({actions_label(row.low, row.high)})" for row in types.itertuples()]
    columns = {"visitors": "visitors", "events": "events", "transactions": "items bought"}
    shown = {column: name for column, name in columns.items() if types[column].sum()}
    figure, axes = figures.canvas(8, 3.4)
    height = 0.8 / len(shown)
    for place, (column, name) in enumerate(shown.items()):
        shares = shares_of(types[column])
        positions = np.arange(len(types)) + (place - (len(shown) - 1) / 2) * height
        bars = axes.barh(positions, shares, height * 0.92, color=PALETTE[place], label=f"share of {name}")
        label_bars(axes, bars, [percent(share) for share in shares])
    axes.set_yticks(range(len(types)), names)
    axes.invert_yaxis()
    only_axis(axes, "x")
    axes.xaxis.set_major_formatter(SHARES)
    axes.legend(ncols=len(shown), loc="lower left", bbox_to_anchor=(0, 1))
    visitors, events = shares_of(types["visitors"]), shares_of(types["events"])
    sentence = (
        f"{percent(visitors.iloc[0])} of the {plural(int(types['visitors'].sum()), 'visitor')} leave one "
        "action and no "
        f"more; the {plural(int(types['visitors'].iloc[-1]), 'enthusiast')} with 15 actions or more are "
        f"{percent(visitors.iloc[-1], 2)} of visitors and {percent(events.iloc[-1])} of events."
    )
    return Finding(
        figure=figure,
        caption="Visitors by their number of actions over the whole log: their share of visitors, of events"
        + (" and of items bought." if len(shown) == 3 else ". No item was bought."),
        alt=f"Bar chart. {sentence}",
        reading=f"{sentence} {describe_purchases(types, baskets, least)}",
    )


def actions_label(low: int, high: float | None) -> str:
    """Write a range of actions: 1 action, 2–4 actions, 15+ actions."""
    if high is None or pd.isna(high):
        return f"{low}+ actions"
    return f"{low} action" if low == high == 1 else f"{low}–{int(high)} actions"


def describe_purchases(types: pd.DataFrame, baskets: pd.DataFrame, least: int) -> str:
    """Say who buys, and what, type by type; nothing of fewer than `least` buyers."""
    told = types.merge(baskets, on="visitor_type")
    buying = told[told["buyers"] >= max(least, 1)]
    if not told["buyers"].any():
        return "Nobody bought anything in this log."
    if buying.empty:
        return f"No kind of visitors has enough buyers to say what they buy: each has {few(least)} who do."
    parts = []
    for row in buying.itertuples():
        price = "" if pd.isna(row.median_price) else f", at a median price of {number(row.median_price)}"
        parts.append(
            f"{percent(row.buyers / row.visitors, 2)} of {row.visitor_type}s buy "
            f"({plural(row.buyers, 'buyer')}, {plural(row.rows, 'item')}{price})"
        )
    return f"{joined(parts)}. A purchase is itself an action, so busy visitors buy more by definition too."


def tabulate_purchases(types: pd.DataFrame, baskets: pd.DataFrame, least: int = 1) -> pd.DataFrame:
    """List what each type of visitor buys, from `behaviour.visitor_types` and `behaviour.baskets`, for readers.

    A purchase is a transaction id; where the log has none, the columns about purchases are missing. So is what fewer
    than `least` buyers bought.
    """
    told = types.merge(baskets, on="visitor_type")
    told = blank_small(told, "buyers", ["transactions_y", "rows", "median_price", "buyers"], least)
    numbered = told["transactions_y"].where(told["transactions_y"] > 0)
    return pd.DataFrame(
        {
            "visitors": told["visitor_type"],
            "actions": [actions_label(row.low, row.high).split()[0] for row in told.itertuples()],
            "buyers": told["buyers"].astype("Int64"),
            "share that buys": told["buyers"] / told["visitors"].where(told["visitors"] > 0),
            "purchases": numbered.astype("Int64"),
            "items bought": told["rows"].astype("Int64"),
            "items a purchase": told["rows"] / numbered,
            "median price": told["median_price"],
        }
    )


def new_and_returning(visitors: pd.DataFrame, daily: pd.DataFrame) -> Finding:
    """Show each whole day's new and returning visitors, from `behaviour.new_and_returning` and
    `behaviour.daily_volume`."""
    whole = visitors[daily["whole"].to_numpy()].reset_index(drop=True)
    if len(whole) < 7:
        return Finding(
            reading="New and returning visitors need at least seven whole days to compare; this log has "
            f"{plural(len(whole), 'whole day')}."
        )
    total = whole["new"] + whole["returning"]
    figure, axes = figures.canvas(8, 3.2)
    axes.stackplot(
        whole["date"],
        whole["new"],
        whole["returning"],
        colors=[PALETTE[6], PALETTE[1]],
        labels=["first day in the log", "seen on an earlier day"],
    )
    draw_dates(axes)
    axes.set_ylim(0, 1.18 * max(total.max(), 1))
    axes.set_ylabel("visitors a day")
    axes.yaxis.set_major_formatter(THOUSANDS)
    axes.legend(ncols=2, loc="upper left")
    late = whole.tail(7)
    seen = int(late["new"].sum() + late["returning"].sum())
    if seen:
        share = late["returning"].sum() / seen
        sentence = f"In the last seven whole days {percent(share)} of a day's visitors have been there before."
    else:
        sentence = "The last seven whole days had no visitor."
    return Finding(
        figure=figure,
        caption="Visitors of each whole day: on their first day in the log, and seen on an earlier day.",
        alt=f"Stacked areas. {sentence}",
        reading=f"{sentence} Everybody is new when a log begins, so the share grows at first by itself; and "
        "a visitor "
        "who cleared their cookies counts as new.",
    )


def retention(cohorts: pd.DataFrame, least: int = 1) -> Finding:
    """Show which share of each week's new visitors is back in later weeks, from `behaviour.retention`.

    Cells of fewer than `least` visitors stay empty; the sums over all weeks have them.
    """
    weeks = int(cohorts["cohort"].nunique())
    later = cohorts[(cohorts["week"] > 0) & (cohorts["size"] > 0)]
    if weeks < 3 or later.empty:
        return Finding(
            reading="Whether visitors come back week by week needs at least three whole weeks; this log has "
            f"{plural(weeks, 'whole week')}."
        )
    shares = blank_small(later.assign(share=later["visitors"] / later["size"]), "visitors", ["share"], least)
    shares = blank_small(shares, "size", ["share"], least)
    grid = shares.pivot(index="cohort", columns="week", values="share").reindex(range(weeks - 1))
    figure, axes = figures.canvas(8, min(1.4 + 0.22 * weeks, 6))
    mesh = draw_heat(axes, grid.to_numpy(dtype="float64"))
    step = 1 + weeks // 20
    starts = cohorts.groupby("cohort")["start"].first()
    places = np.arange(0, weeks - 1, step)
    axes.set_yticks(places, [f"{starts[place].day} {starts[place]:%b}" for place in places])
    axes.set_xticks(places, [str(week) for week in range(1, weeks, step)])
    axes.set_xlabel("weeks after the week of the first event")
    axes.set_ylabel("week of the first event, from")
    figure.colorbar(mesh, ax=axes, pad=0.01, format=SHARES, label="back in that week").outline.set_visible(False)
    sums = later.groupby("week")[["visitors", "size"]].sum()
    back = sums["visitors"] / sums["size"]
    wanted = [week for week in (1, 4, 12) if week in back.index]
    parts = [
        f"{few(least) if 0 < sums['visitors'][week] < least else percent(back[week], 2)} after {plural(week, 'week')}"
        for week in wanted
    ]
    sentence = f"Of all visitors who could be followed that long, {joined(parts)} are back in the log."
    return Finding(
        figure=figure,
        caption="Retention: visitors grouped by the week of their first event (rows), and the share of them "
        "with an "
        "event so many weeks later (columns). Weeks are seven times 24 hours from the first event of the "
        "log." + (f" Cells of {few(least)} are empty." if shares["share"].isna().any() else ""),
        alt=f"Heat map. {sentence}",
        reading=f"{sentence} The first rows also hold visitors who knew the shop before the log began.",
    )


def visitor_days(sizes: pd.DataFrame, outliers: pd.Series, least: int = 1) -> Finding:
    """Show how many events visitors leave in a day and who is beyond it, from
    `behaviour.visitor_day_sizes` and `summarise_outliers`; nothing of fewer than `least` visitors.
    """
    sizes = merge_bins(sizes, "visitors", least)
    labels = [
        f"{row.low}+"
        if pd.isna(row.high)
        else str(row.low)
        if row.high == row.low + 1
        else f"{row.low}–{int(row.high) - 1}"
        for row in sizes.itertuples()
    ]
    figure, axes = figures.canvas(8, 3.2)
    places = np.arange(len(sizes))
    columns = (("visitor_days", "visitors' days", PALETTE[0]), ("events", "events", PALETTE[1]))
    for offset, (column, name, colour) in zip((-0.2, 0.2), columns, strict=True):
        shares = shares_of(sizes[column])
        bars = axes.bar(places + offset, shares, 0.38, color=colour, label=f"share of {name}")
        texts = [
            percent(share, 0 if share >= 0.1 else 1) if share >= 0.0005 else f"{number(count)}×" if count else ""
            for share, count in zip(shares, sizes[column], strict=True)
        ]
        axes.bar_label(bars, texts, padding=2, fontsize=8, color=INK)
    axes.margins(y=0.1)
    axes.set_xticks(places, labels)
    axes.set_xlabel("events of one visitor in one day")
    axes.yaxis.set_major_formatter(SHARES)
    axes.legend(loc="upper right")
    events = int(sizes["events"].sum())
    heavy = int(outliers["days"])
    busiest = (
        f"the largest has {number(outliers['largest'])}"
        if least == 1
        else f"each of the {least} busiest visitors has {number(outliers['largest'])} on a day, or more"
    )
    if 0 < outliers["visitors"] < least:
        sentence = f"There are {few(least)} with more than {BOT_EVENTS_A_DAY} events in a day."
        advice = "What so few did is not shown. Cleaning keeps it unless a limit is set."
    elif heavy:
        sentence = (
            f"{plural(heavy, 'visitor-day')} of {plural(int(outliers['visitors']), 'visitor')} "
            f"{'exceeds' if heavy == 1 else 'exceed'} {BOT_EVENTS_A_DAY} events and "
            f"{'holds' if heavy == 1 else 'hold'} {number(outliers['events'])} events, "
            f"{percent(outliers['events'] / events)} of all; {busiest}."
        )
        bought = int(outliers["transactions"])
        judged = (
            f"They bought {plural(bought, 'item')}, so not all of them need be machines."
            if bought
            else "They bought nothing, as one expects of machines."
        )
        advice = f"{judged} Cleaning keeps them unless a limit is set, and shows what a limit would change."
    else:
        sentence = f"No visitor leaves more than {BOT_EVENTS_A_DAY} events in a day; {busiest}."
        advice = "Nothing here looks like a machine by that measure."
    return Finding(
        figure=figure,
        caption="Days of a visitor by the number of events in them: share of such days, and of all events. "
        "Shares under 0.05 % are given as counts (×).",
        alt=f"Column chart. {sentence}",
        reading=f"{sentence} {advice}",
    )


# ---- items, categories and prices ------------------------------------------------------------------------


def popularity(views: pd.DataFrame, purchases: pd.DataFrame, ranks: pd.DataFrame, gini: float, top: float) -> Finding:
    """Show how unequally the events spread over items: Lorenz curves and events by popularity rank, from
    `behaviour.lorenz`, `popularity_ranks`, `gini` and `top_share`."""
    size = int(ranks["rank"].iloc[-1])
    if size < FEWEST:
        return Finding(reading=f"The log has {plural(size, 'item')}: too few to speak of a distribution.")
    figure, (left, right) = figures.canvas(8, 3.5, columns=2)
    left.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", label="all items alike")
    for curve, kind in ((views, "view"), (purchases, "transaction")):
        if len(curve):
            left.plot(curve["items"], curve["share"], color=EVENT_COLOURS[kind], label=EVENT_NAMES[kind])
    left.set_title("Lorenz curve")
    left.set_xlabel("share of items, least popular first")
    left.set_ylabel("share of events")
    left.xaxis.set_major_formatter(SHARES)
    left.yaxis.set_major_formatter(SHARES)
    left.legend(loc="upper left")
    right.loglog(ranks["rank"], ranks["events"], color=PALETTE[4], marker="o", markersize=3)
    right.minorticks_off()
    right.set_title("Events by rank of the item")
    right.set_xlabel("rank, most popular first")
    right.set_ylabel("events")
    right.xaxis.set_major_formatter(THOUSANDS)
    right.yaxis.set_major_formatter(THOUSANDS)
    only_axis(right, "both")
    sentence = (
        f"The most popular tenth of the {plural(size, 'item')} gathers {percent(top)} of the events; the "
        "Gini "
        f"coefficient is {gini:.2f} (0: all alike, 1: one item has all)."
    )
    middle = ranks.loc[(ranks["rank"] - size / 2).abs().idxmin()]
    first = plural(int(ranks["events"].iloc[0]), "event")
    rank_one = f"The first item has {first}, the one at rank {number(middle['rank'])} has {number(middle['events'])}."
    sold = "" if len(purchases) else "No item was bought, so there is no curve of purchases."
    return Finding(
        figure=figure,
        caption="Popularity of the items that occur in the log: Lorenz curves of views and of items bought, "
        "and events "
        "by popularity rank on logarithmic scales (a straight line is Zipf's law).",
        alt=f"Two curves. {sentence}",
        reading=f"{sentence} {rank_one} {sold}".strip(),
    )


def coverage(matched: pd.Series) -> Finding:
    """Show how many of the known items are viewed, added to cart and sold, from
    `behaviour.match_catalogue`.
    """
    catalogue, seen = int(matched["catalogue"]), int(matched["items"])
    unlisted = seen - int(matched["listed_items"])
    known = catalogue + unlisted
    stages = {"viewed": "viewed_items", "added to cart": "carted_items", "bought": "sold_items"}
    counts = {"known": known} | {name: int(matched[column]) for name, column in stages.items()}
    colours = [MUTED, *[EVENT_COLOURS[kind] for kind in ("view", "addtocart", "transaction")]]
    texts = [f"{number(count)} ({percent(count / known)})" for count in counts.values()]
    figure, axes = figures.canvas(8, 2.6)
    draw_rows(axes, list(counts), list(counts.values()), texts, colours)
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("items")
    sentence = (
        f"Of {plural(known, 'known item')}, {number(matched['viewed_items'])} were viewed, "
        f"{number(matched['carted_items'])} added to cart and {number(matched['sold_items'])} bought."
    )
    if catalogue:
        match = (
            f"{percent(matched['listed_items'] / catalogue)} of the {plural(catalogue, 'item')} in the item "
            f"properties occur in the log; {number(unlisted)} of the log's {plural(seen, 'item')} "
            f"({percent(unlisted / seen)}) are not in the properties and hold "
            f"{percent(1 - matched['listed_events'] / matched['events'])} of its events."
        )
    else:
        match = "This shop has no item properties, so the items that nobody looked at are unknown."
    return Finding(
        figure=figure,
        caption="Items that were viewed, added to cart and bought at least once, and their share of the "
        "known "
        "items, which are those in the item properties or in the log.",
        alt=f"Bar chart. {sentence}",
        reading=f"{sentence} {match}",
    )


def repeat_views(pairs: pd.DataFrame, immediate: pd.Series) -> Finding:
    """Show how often visitors view the same item, and who buys it, from `behaviour.repeat_views` and
    `immediate_repeats`."""
    total = int(pairs["pairs"].sum())
    if total < FEWEST:
        return Finding(
            reading=f"Repeat views need views; this log has {plural(total, 'pair')} of visitor and viewed item."
        )
    labels = [str(views) for views in pairs["views"]]
    labels[-1] += "+"
    sold = int(pairs["bought"].sum())
    shown = sold >= FEWEST
    figure, panels = figures.canvas(8, 3.3, columns=2 if shown else 1)
    panels = np.atleast_1d(panels)
    shares = shares_of(pairs["pairs"])
    draw_columns(panels[0], labels, list(shares), PALETTE[0])
    panels[0].set_title("Views of one item by one visitor")
    panels[0].set_xlabel("views before a purchase")
    panels[0].set_ylabel("share of visitor-item pairs")
    if shown:
        draw_shares(panels[1], labels, pairs)
        panels[1].set_title("… and how many of them buy it")
        panels[1].set_xlabel("views before a purchase")
    sentence = (
        f"{percent(1 - shares.iloc[0])} of the {number(total)} pairs of a visitor and an item they viewed "
        "have more than one view."
    )
    again = ""
    if immediate["following"]:
        again = (
            f"Within sessions {percent(immediate['same'] / immediate['following'])} of the views after "
            "another event are "
            "of the very item of that event."
        )
    return Finding(
        figure=figure,
        caption="How often a visitor views the same item before buying it"
        + (", and the share of the pairs that end in its purchase, with 95 % intervals." if shown else "."),
        alt=f"Column chart. {sentence}",
        reading=" ".join(filter(None, [sentence, again, describe_repeat_buyers(pairs, sold)])),
    )


def describe_repeat_buyers(pairs: pd.DataFrame, sold: int) -> str:
    """Compare purchases after one view with those after several."""
    if sold < FEWEST:
        return f"With {plural(sold, 'purchase')} of a viewed item, a link with purchases cannot be shown."
    once, several = pairs.iloc[0], pairs.iloc[1:][["pairs", "bought"]].sum()
    if not several["pairs"] or not once["pairs"]:
        return ""
    share = several["bought"] / several["pairs"]
    meaning = (
        "Who means to buy looks again: the views need not be the cause."
        if share > once["share"]
        else "So a second look is no sign of a purchase here."
    )
    return (
        f"{percent(once['share'], 2)} of the pairs with one view end in a purchase "
        f"({between(once['from_share'], once['to_share'])}), {percent(share, 2)} of those "
        f"with several ({between(*share_interval(several['bought'], several['pairs']))}). {meaning}"
    )


def draw_shares(axes: Axes, labels: list[str], frame: pd.DataFrame) -> None:
    """Draw shares as points with their 95 % intervals; rows without a case are left empty."""
    kept = frame["share"].notna().to_numpy()
    places = np.arange(len(frame))[kept]
    told = frame[kept]
    axes.vlines(places, told["from_share"], told["to_share"], color=PALETTE[2], linewidth=3, alpha=0.45)
    axes.plot(places, told["share"], "o", color=PALETTE[2])
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlim(-0.6, len(labels) - 0.4)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(SHARES)


def category_mix(mix: pd.DataFrame, most: int = 12) -> Finding:
    """Show the categories that draw most views, and their share of purchases, from
    `behaviour.category_mix`.
    """
    known = mix[mix["categoryid"].notna()]
    if known["views"].sum() == 0:
        return Finding(reading="No item of the log has a known category, so there is no category mix.")
    top = known.head(most)
    columns = {"views": "view", "transactions": "transaction"}
    shown = {column: kind for column, kind in columns.items() if known[column].sum() >= FEWEST or column == "views"}
    figure, axes = figures.canvas(8, 0.9 + 0.36 * len(top))
    height = 0.8 / len(shown)
    for place, (column, kind) in enumerate(shown.items()):
        positions = np.arange(len(top)) + (place - (len(shown) - 1) / 2) * height
        shares = top[column] / known[column].sum()
        axes.barh(positions, shares, height * 0.92, color=EVENT_COLOURS[kind], label=f"share of {EVENT_NAMES[kind]}")
    axes.set_yticks(range(len(top)), [f"category {categoryid}" for categoryid in top["categoryid"]])
    axes.invert_yaxis()
    only_axis(axes, "x")
    axes.xaxis.set_major_formatter(SHARES)
    axes.legend(loc="lower right")
    first = top.iloc[0]
    sentence = (
        f"The {plural(len(top), 'most viewed category', 'most viewed categories')} of {number(len(known))} "
        "draw "
        f"{percent(top['views'].sum() / known['views'].sum())} of the views of items with a known category; "
        "first is "
        f"category {first['categoryid']} with {percent(first['views'] / known['views'].sum())}."
    )
    if "transactions" in shown:
        sales = (
            f"The same {'category makes' if len(top) == 1 else 'categories make'} "
            f"{percent(top['transactions'].sum() / known['transactions'].sum())} of the items bought."
        )
    else:
        count = plural(int(known["transactions"].sum()), "item")
        sales = f"With {count} bought in known categories, their mix says little."
    unknown = mix.loc[mix["categoryid"].isna(), "views"].sum() / mix["views"].sum()
    return Finding(
        figure=figure,
        caption="The most viewed categories, by the latest known category of each item: share of views"
        + (" and of items bought." if "transactions" in shown else "."),
        alt=f"Bar chart. {sentence}",
        reading=f"{sentence} {sales} {percent(unknown)} of all views are of items without a known category.",
    )


def category_loyalty(loyalty: pd.DataFrame, steps: pd.Series) -> Finding:
    """Show whether sessions stay in one category, from `behaviour.category_loyalty` and `category_steps`."""
    total = int(loyalty["sessions"].sum())
    if total < FEWEST:
        return Finding(
            reading="Loyalty to a category shows in sessions with two different items of known category or "
            "more; this "
            f"log has {plural(total, 'such session')}."
        )
    grid = loyalty.pivot(index="items", columns="categories", values="sessions")
    sums = grid.sum(axis=1)
    grid, sums = grid[sums > 0], sums[sums > 0]
    shares = grid.div(sums, axis=0)
    figure, axes = figures.canvas(8, 1.3 + 0.42 * len(shares))
    names = ["one category", "two", "three or more"]
    left = np.zeros(len(shares))
    for column, name, colour in zip(shares.columns, names, (PALETTE[0], PALETTE[6], PALETTE[1]), strict=True):
        bars = axes.barh(range(len(shares)), shares[column], left=left, color=colour, height=0.68, label=name)
        texts = [percent(share, 0) if share >= 0.07 else "" for share in shares[column]]
        axes.bar_label(
            bars,
            texts,
            label_type="center",
            fontsize=9,
            color="#ffffff" if colour == PALETTE[0] else "#1c2128",
        )
        left = left + shares[column].to_numpy()
    most = loyalty["items"].max()
    labels = [f"{items}{'+' if items == most else ''} items ({number(sums[items])})" for items in shares.index]
    axes.set_yticks(range(len(shares)), labels)
    axes.invert_yaxis()
    only_axis(axes, "none")
    axes.xaxis.set_major_formatter(SHARES)
    axes.set_xlim(0, 1)
    axes.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    loyal = int(loyalty.loc[loyalty["categories"] == 1, "sessions"].sum())
    sentence = (
        f"{percent(loyal / total)} of the {plural(total, 'session')} with two or more different items of "
        "known category "
        "stay within one category."
    )
    chance = ""
    if steps["steps"]:
        chance = (
            f"From one item to a different one, {percent(steps['same'] / steps['steps'])} of the steps stay "
            "in the category; "
            f"{percent(steps['expected'])} would if the next item came from any category in proportion to "
            "its traffic."
        )
    return Finding(
        figure=figure,
        caption="Sessions by how many different items they hold (rows; sessions in brackets) and from how "
        "many categories.",
        alt=f"Stacked bars. {sentence}",
        reading=f"{sentence} {chance}".strip(),
    )


def price_distribution(bins: pd.DataFrame, summary: pd.Series) -> Finding:
    """Show the prices of the catalogue and of the items viewed, from `behaviour.price_bins` and
    `summarise_prices`."""
    priced = int(summary["priced"])
    if priced < FEWEST:
        return Finding(
            reading=f"A distribution of prices needs prices; {plural(priced, 'item')} of this shop "
            f"{'has' if priced == 1 else 'have'} one above zero."
        )
    figure, axes = figures.canvas(8, 3.2)
    edges = [*bins["low"], bins["high"].iloc[-1]]
    for column, name, colour, alpha in (
        ("catalogue", "all items with a price", PALETTE[6], 0.55),
        ("viewed", "viewed at least once", PALETTE[0], 1),
    ):
        axes.stairs(bins[column], edges, fill=True, color=colour, alpha=alpha, label=name)
    axes.set_xscale("log")
    axes.axvline(summary["median"], color=INK, linewidth=1, linestyle="--", label=f"median {number(summary['median'])}")
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.yaxis.set_major_formatter(THOUSANDS)
    axes.set_xlabel("latest known price (logarithmic scale, unit not published)")
    axes.set_ylabel("items")
    axes.legend(loc="upper left")
    sentence = (
        f"The median price of {plural(priced, 'item')} is {number(summary['median'])}; the middle four "
        "fifths lie between "
        f"{number(summary['p10'])} and {number(summary['p90'])}."
    )
    free = int(summary["free"])
    zero = f"{plural(free, 'item')} with a price of zero {'is' if free == 1 else 'are'} left out." if free else ""
    return Finding(
        figure=figure,
        caption="Latest known price of the items, all of them and those viewed at least once.",
        alt=f"Histogram. {sentence}",
        reading=f"{sentence} {zero}".strip(),
    )


def price_conversion(groups: pd.DataFrame) -> Finding:
    """Show whether dearer items are bought less often by those who view them, from
    `behaviour.price_conversion`.
    """
    sold = int(groups["bought"].sum())
    if len(groups) < 2 or sold < FEWEST:
        return Finding(
            reading="Whether the price keeps viewers from buying needs prices and purchases; this log has "
            f"{plural(sold, 'purchase')} of a viewed item with a known price."
        )
    figure, axes = figures.canvas(8, 3.3)
    labels = [f"{number(row.low)}–{number(row.high)}" for row in groups.itertuples()]
    draw_shares(axes, labels, groups)
    axes.tick_params(axis="x", labelsize=8, labelrotation=25)
    axes.set_xlabel("latest known price, items in groups of equal size")
    axes.set_ylabel("share of viewers who buy")
    cheapest, dearest = groups.iloc[0], groups.iloc[-1]
    sentence = (
        f"Of the visitors who view one of the cheapest items (up to {number(cheapest['high'])}), "
        f"{percent(cheapest['share'], 2)} buy it ({between(cheapest['from_share'], cheapest['to_share'])}); "
        "of the dearest "
        f"(from {number(dearest['low'])}) {percent(dearest['share'], 2)} "
        f"({between(dearest['from_share'], dearest['to_share'])})."
    )
    apart = cheapest["from_share"] > dearest["to_share"] or dearest["from_share"] > cheapest["to_share"]
    verdict = (
        "The intervals do not overlap, so the two groups differ; whether by the price or by what kind of "
        "item it is, the "
        "log alone cannot say."
        if apart
        else "The intervals overlap, so the difference between the two groups may be chance."
    )
    return Finding(
        figure=figure,
        caption="Share of visitors who buy an item they viewed, by its price; bars are 95 % intervals.",
        alt=f"Points with intervals. {sentence}",
        reading=f"{sentence} {verdict}",
    )
