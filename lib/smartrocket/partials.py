"""The parts of pages that depend on the run: banner, key metrics, tables of models, what it was built from."""

import html
import re
from collections.abc import Callable

from smartrocket import benchmarks
from smartrocket.behaviour import share_interval
from smartrocket.chapters import write_chapters
from smartrocket.costs import write_costs, write_measures
from smartrocket.diagrams import draw_way
from smartrocket.findings import escape_markdown, figure_html
from smartrocket.ledger import MUCH_LOST
from smartrocket.summary import (
    METRICS,
    QUESTIONS,
    Question,
    Run,
    Score,
    count_test,
    describe_levels,
    explain_shortage,
    find_lead,
    judge,
    write_points,
)
from smartrocket.wording import joined, number, percent, plural, shield

DAYS_OF_TWO_YEARS = 730

# How the captions of the tables say at which level, or on which part of the test, a score was taken.
LEVELS = {
    "item": "of items",
    "item without breaks": "of items, without the weeks that reach into a break of the traffic",
    "category": "of categories",
    "total": "of the whole shop",
    "event": "on all clicks of the test",
    "new target": "where the next item is new to the session",
    "repeat target": "where the next item was already seen in the session",
}


def write_parts(run: Run, shop: dict, manifests: list[dict], sizes: dict[str, float]) -> dict[str, str]:
    """Return the parts of the pages: name -> Markdown.

    `shop` is the content of shop.json, `manifests` has the one of each notebook, in their order, and `sizes` the
    megabytes that each notebook left.
    """
    return {
        "banner": write_banner(shop),
        "shop": write_shop(run, shop),
        "rhythm": write_rhythm(run),
        "properties": write_properties(shop),
        "metrics": write_metrics(run),
        "unknowns": write_unknowns(run, shop),
        "forecast_models": write_models(run, "forecast"),
        "recommendation_models": write_models(run, "recommendation"),
        "forecast_models_first": write_models(run, "forecast", levels=1),
        "recommendation_models_first": write_models(run, "recommendation", levels=1),
        "session_gap": write_session_gap(manifests),
        "way_of_data": write_way(run, shop),
        "costs": with_table(*write_costs(manifests, sizes)),
        "costs_models": with_table(*write_measures(manifests)),
        **write_chapters(run, shop),
        "built_from": write_built_from(shop, manifests),
    }


def raw_html(text: str) -> str:
    """Wrap HTML so that both renderers pass it through as it is."""
    longest = max((len(run) for run in re.findall("`+", text)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{{=html}}\n{text.strip()}\n{fence}\n"


def with_table(text: str, html_table: str) -> str:
    """Put a table, or any HTML, below a text; nothing where it is empty."""
    return f"{text}\n\n{raw_html(html_table)}" if html_table else f"{text}\n"


def write_benchmarks(results: dict[str, dict]) -> dict[str, str]:
    """Return the parts about what `make bench` and its like found (see `benchmarks.read_results`)."""
    scaling, compared = benchmarks.read_scaling(results), benchmarks.tabulate_comparisons(results)
    growth = benchmarks.draw_scaling(scaling)
    drawing = raw_html(figure_html(growth, "benchmarks_growth")) + "\n" if growth.figure else ""

    def where(*sections: str, **words: str) -> str:
        return benchmarks.say_where(results, *sections, **words)

    pages, shown_pages = benchmarks.write_pages(results)
    tables = benchmarks.show_comparisons(compared) + benchmarks.show_recommenders(results)
    comparisons = benchmarks.read_comparisons(results, compared) + where("data", "forecasts")
    recommenders = benchmarks.describe_networks(results) + where("recommenders", what="The recommenders were measured")
    return {
        "benchmarks_growth": drawing
        + with_table(
            benchmarks.say_shops(results) + growth.reading + where("scaling"), benchmarks.show_scaling(scaling)
        ),
        "benchmarks_hundred": benchmarks.write_hundred(results) + "\n",
        "benchmarks_memory": benchmarks.read_bound(results) + "\n\n" + where("memory").strip() + "\n",
        "benchmarks_processes": benchmarks.read_processes(results) + where("processes") + "\n",
        "benchmarks_compared": with_table(f"{comparisons}\n\n{recommenders.strip()}", tables),
        "benchmarks_pages": with_table(pages + where("site", "pages"), shown_pages),
        "benchmarks_trials": benchmarks.write_trials(results) + "\n",
    }


def write_way(run: Run, shop: dict) -> str:
    """Return the drawing of the way of the data, and its reading."""
    finding = draw_way(run, shop)
    return f"{raw_html(figure_html(finding, 'way_of_data'))}\n{finding.reading}\n"


# ---------------------------------------------------------------- the shop


def list_left_out(shop: dict) -> list[str]:
    """Name what the report leaves out because the shop's files do not hold it."""
    left_out = []
    if not shop["has_properties"]:
        left_out += ["prices", "availability", "categories"]
    if not shop["has_category_tree"]:
        left_out.append("category tree")
    return left_out


def write_banner(shop: dict) -> str:
    """Return the callout that stands below every title: whose log this is, and what is left out."""
    if shop["generated"]:
        title = "This report is built on a generated shop"
        text = (
            "A program made up every visitor, item and purchase in it, so that the report can be built "
            "without any data. Nothing here is a finding about a real shop. "
            "`make report SHOP=folder` builds it for yours."
        )
    else:
        title = f"This is the report of the shop “{html.escape(shield(shop['title']))}”"
        left_out = list_left_out(shop)
        text = "Every result in it is computed from this shop's log."
        if left_out:
            lacking = " or ".join(joined(left_out).rsplit(" and ", 1))
            text += f" Its files hold no {lacking}, so the report leaves out what needs them."
    return f'::: {{.callout-note .banner title="{title}"}}\n\n{text}\n\n:::\n'


def write_shop(run: Run, shop: dict) -> str:
    """Return the paragraph that says how large the log is."""
    events, visitors, days = (run.fact("01_eda", name) for name in ("rows_events", "visitors", "days"))
    if None in (events, visitors, days):
        return "The size of this log is not known.\n"
    text = (
        f"The log of {name_shop(shop)} has {plural(events, 'row')} "
        f"of {plural(visitors, 'visitor')} on {plural(days, 'day')}."
    )
    items, sold = run.fact("01_eda", "items"), run.fact("01_eda", "items_sold")
    if None not in (items, sold):
        text += (
            f" The log names {plural(items, 'item')}; {number(sold)} of these {'was' if sold == 1 else 'were'} sold."
        )
    buyers, share = run.fact("01_eda", "buyers"), run.fact("01_eda", "conversion_visitors")
    if None not in (buyers, share):
        text += f" {plural(buyers, 'visitor')} bought something, {percent(share, 2)} of all."
    raw, unusable = (run.fact("02_cleaning", f"events_rows_{name}") for name in ("in", "unusable"))
    if raw and unusable and unusable > MUCH_LOST * raw:
        text += (
            f" **Warning: {percent(unusable / raw)} of the rows of its file cannot be used.** "
            "[The ledger](/analysis/02_cleaning.ipynb) says why; the report is about the rest."
        )
    return f"{text}\n"


def name_shop(shop: dict) -> str:
    """Return the shop's title as it stands in a sentence: a name given by its owner is quoted."""
    title = escape_markdown(shop["title"])
    return title if shop["generated"] else f"the shop “{title}”"


def write_properties(shop: dict) -> str:
    """Return the section about the properties of items; empty for a shop without them."""
    if not shop["has_properties"]:
        return ""
    return (
        "### The properties of the items\n\n"
        "An item's properties are a history. A row says: from this moment on, this property of this item has "
        "this value. For the models, the price and the category of an item are looked up "
        "[as of](/chapters/glossary.qmd#as-of) the moment of an event. To take the first or the last row instead "
        "would mix up past and future. Notebook 1 only describes: it uses the latest price and category, "
        "and says so.\n\n"
        "Three properties are used: the category, the price, and whether the item can be bought. What the others mean "
        "is not known here, so their rows are counted in the ledger as *other property*, and left out.\n"
    )


def write_session_gap(manifests: list[dict]) -> str:
    """Return the sentence about the pause that ends a session in this run."""
    gaps = [manifest["parameters"].get("session_gap_minutes") for manifest in manifests]
    gap = next((gap for gap in gaps if gap is not None), None)
    length = "half an hour" if gap is None else plural(gap, "minute")
    return (
        f"The events of one visitor without a longer pause. A pause of more than {length} ends a session here; "
        "where a published protocol asks for another pause, the page says so.\n"
    )


def write_rhythm(run: Run) -> str:
    """Return the sentence about the busiest hour and weekday."""
    hour, weekday, zone = (run.fact("01_eda", name) for name in ("peak_hour", "peak_weekday", "time_zone"))
    if hour is None:
        return "The log is too short to show a rhythm.\n"
    text = f"Most happens in the hour from {hour}:00"
    if weekday is not None:
        text += f", and {weekday} is the busiest day of the week"
    return f"{text}. Times are in the time zone {escape_markdown(zone or 'UTC')}.\n"


def write_unknowns(run: Run, shop: dict) -> str:
    """Return the list of what this report does not know."""
    points = []
    left_out = list_left_out(shop)
    if shop["generated"]:
        points.append("Whether any of this holds for a real shop. The log is made up, habits included.")
    elif left_out:
        points.append(f"What {joined(left_out)} would add. This shop's files do not hold them.")
    days = run.fact("01_eda", "days")
    if days is not None and days < DAYS_OF_TWO_YEARS:
        points.append(
            f"How sales change over a year. The log covers {plural(days, 'day')}; "
            f"a yearly season takes two years to see."
        )
    if judge(run, "forecast").outcome == "unknown":
        points.append("Whether a trained model forecasts sales better than a simple rule. The log is too small.")
    if judge(run, "recommendation").outcome == "unknown":
        points.append("Whether a trained model suggests items better than a simple rule. The log is too small.")
    points += [
        "Whether suggestions would change what visitors do. A log shows what they did without them. "
        "Only an experiment with real visitors can tell.",
        "What could have been sold. An item that was out of stock looks like one that nobody wanted.",
    ]
    return "\n".join(f"- {point}" for point in points) + "\n"


# ---------------------------------------------------------------- key metrics


def write_metrics(run: Run) -> str:
    """Return the cards of the key metrics, each with its interval or what it is measured against."""
    events, visitors = run.fact("01_eda", "rows_events"), run.fact("01_eda", "visitors")
    buyers, share = run.fact("01_eda", "buyers"), run.fact("01_eda", "conversion_visitors")
    cards = []
    if None not in (events, visitors):
        cards.append(("Rows in the log", number(events), f"by {plural(visitors, 'visitor')}", ""))
    if None not in (buyers, share, visitors):
        low, high = share_interval(buyers, visitors)
        note = f"{plural(buyers, 'buyer')}; 95 % interval {percent(low, 2)} to {percent(high, 2)}"
        cards.append(("Visitors who buy", percent(share, 2), note, ""))
    cards += [forecast_card(run), recommendation_card(run)]
    items = "".join(
        f'<div class="metric {tone}"><dt>{html.escape(label)}</dt><dd class="value">{html.escape(value)}</dd>'
        f'<dd class="note">{html.escape(note)}</dd></div>'
        for label, value, note, tone in cards
    )
    return raw_html(f'<dl class="metrics">{items}</dl>')


def forecast_card(run: Run) -> tuple[str, str, str, str]:
    """Return label, value, note and tone of the card about the sales forecast."""
    label, verdict = "Error of the sales forecast, against the best simple rule", judge(run, "forecast")
    if verdict.outcome == "unknown" or verdict.gain is None:
        return label, "not known", write_shortage(run, "forecast"), ""
    note = f"{verdict.metric.label} of {verdict.ours.model} against {verdict.baseline.model}"
    if verdict.gain.has_interval:
        note += f"; 95 % interval {signed(-verdict.gain.high)} to {signed(-verdict.gain.low)}"
    if verdict.outcome == "same":
        note = f"within the noise: {note}"
    return label, signed(-verdict.gain.value), note, "good" if verdict.outcome == "better" else ""


def signed(share: float) -> str:
    """Write a change with its sign: -0.034 -> "−3.4 %"."""
    return f"{100 * share:+.1f} %".replace("-", "−")


def recommendation_card(run: Run) -> tuple[str, str, str, str]:
    """Return label, value, note and tone of the card about recommendations."""
    label, verdict = "Next item among 20 suggestions", judge(run, "recommendation")
    if verdict.outcome == "unknown":
        return label, "not known", write_shortage(run, "recommendation"), ""
    metric, ours, baseline = verdict.metric, verdict.ours, verdict.baseline
    note = f"{ours.model}; {baseline.model}, the best simple rule, has {metric.write(baseline.value)}"
    size = write_points(find_lead(verdict), "more" if ours.value >= baseline.value else "fewer")
    note += f"; {size.replace(' (', ', 95 % interval ').removesuffix(')')}"
    if verdict.outcome == "same":
        note = f"within the noise: {note}"
    return label, metric.write(ours.value), note, "good" if verdict.outcome == "better" else ""


def write_shortage(run: Run, task: str) -> str:
    """Return the note of a card without a value: "1 click to predict; more are needed"."""
    counted = count_test(run, task)
    missing = "too few sales for a comparison" if task == "forecast" else "too few sessions for a comparison"
    return missing if counted is None else f"{counted}; more are needed"


# ---------------------------------------------------------------- tables of models


def write_models(run: Run, task: str, levels: int | None = None) -> str:
    """Return the tables of all models of a task, one for each of the first `levels` (all), the one that decides first.

    One sentence instead where the test is too small for a comparison.
    """
    if not run.is_enough(task):
        return f"{explain_shortage(run, task)}\n"
    tables = [models_table(run, QUESTIONS[task], level) for level in run.levels(task)[:levels]]
    reading = (
        "The best model stands first; the trained ones are in colour, the others are simple "
        "[baselines](/chapters/glossary.qmd#baseline). The dot is the result, the line its "
        "[interval](/chapters/glossary.qmd#interval). The dashed upright line marks the strongest baseline.\n"
    )
    if task == "forecast" and levels is None:
        reading += (
            f"\n{escape_markdown(describe_levels(run))} Whether a lead is more than chance is told by the paired "
            "comparison in [notebook 5](/analysis/05_forecast_tuning.ipynb), not by whether two lines overlap.\n"
        )
    return "\n".join([reading, *(raw_html(text) for text in tables if text)])


def models_table(run: Run, question: Question, level: str) -> str:
    """Return the HTML table of one task and level: a row for each model, the best first, intervals drawn.

    Empty where no model has a score at this level.
    """
    columns = question.columns if level == question.level else question.columns_elsewhere
    scored = {name: run.scores(question.task, level, name) for name in columns}
    main, *others = [name for name in columns if scored[name]] or [None]
    if main is None:
        return ""
    scores, metric = scored[main], METRICS[main]
    has_intervals = any(score.has_interval for score in scores)
    reference = next((score.value for score in scores if not question.is_ours(score.model)), None)
    draw = interval_drawer(scores, reference)
    heading = (
        f'<th scope="col">Model</th><th scope="col" class="number">{html.escape(metric.heading)}</th>'
        + ('<th scope="col" colspan="2">95 % interval</th>' if has_intervals else "")
        + "".join(f'<th scope="col" class="number">{html.escape(METRICS[name].heading)}</th>' for name in others)
    )
    rows = []
    for place, score in enumerate(scores):
        ends = f"{metric.write(score.low)} to {metric.write(score.high)}" if score.has_interval else "–"
        rest = [
            next(
                (METRICS[name].write(other.value) for other in scored[name] if other.model == score.model),
                "–",
            )
            for name in others
        ]
        marks = [("own", question.is_ours(score.model)), ("highlight", place == 0)]
        kinds = " ".join(name for name, holds in marks if holds)
        opening = f'<tr class="{kinds}">' if kinds else "<tr>"
        rows.append(
            f'{opening}<th scope="row">{html.escape(score.model)}</th>'
            f'<td class="number">{metric.write(score.value)}</td>'
            + (f'<td class="number">{ends}</td><td class="interval">{draw(score)}</td>' if has_intervals else "")
            + "".join(f'<td class="number">{text}</td>' for text in rest)
            + "</tr>"
        )
    caption = f"{metric.heading} {LEVELS.get(level, level)}: {metric.meaning}."
    return (
        '<div class="table-responsive"><table class="table table-sm report-table models">'
        f"<caption>{html.escape(caption)}</caption><thead><tr>{heading}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def interval_drawer(scores: list[Score], reference: float | None) -> Callable[[Score], str]:
    """Return a function that draws a score and its interval on a scale shared by `scores`, as SVG.

    The upright line is `reference`, the strongest baseline.
    """
    ends = [end for score in scores for end in (score.low, score.value, score.high) if end is not None]
    # One hopeless model would squeeze all others together: the scale ends at three times the usual distance.
    middle = sorted(score.value for score in scores)[len(scores) // 2]
    spread = sorted(abs(score.value - middle) for score in scores)[len(scores) // 2] or abs(middle) or 1
    first, last = max(min(ends), middle - 3 * spread), min(max(ends), middle + 3 * spread)

    def place(value: float) -> float:
        share = (value - first) / (last - first) if last > first else 0.5
        return round(5 + 86 * min(max(share, 0), 1), 1)

    def draw(score: Score) -> str:
        marks = []
        if reference is not None:
            at = place(reference)
            marks.append(f'<line class="reference" x1="{at}" x2="{at}" y1="-4" y2="20"/>')
        if score.has_interval:
            marks.append(f'<line x1="{place(score.low)}" x2="{place(score.high)}" y1="8" y2="8"/>')
        marks.append(f'<circle cx="{place(score.value)}" cy="8" r="3.6"/>')
        return f'<svg viewBox="0 0 96 16" aria-hidden="true">{"".join(marks)}</svg>'

    return draw


# ---------------------------------------------------------------- built from


def write_built_from(shop: dict, manifests: list[dict]) -> str:
    """Return the lines that say what the report was built from and how to build it again."""
    files = [f"`{path.removeprefix('raw/')}`" for path in list_raw_files(manifests)]
    commit = manifests[0].get("commit")
    version = f" with the code of commit `{commit[:10]}`" if commit else ""
    # No measured time: two builds of the same report differ on the page about performance only.
    return (
        f"This report was built from {joined(files)}{version}. "
        f"The command `{shield(shop['command'].replace('`', ''))}` builds it again.\n"
    )


def list_raw_files(manifests: list[dict]) -> dict[str, str]:
    """Return path -> SHA-256 of the raw files that went in."""
    return {
        path: digest for manifest in manifests for path, digest in manifest["inputs"].items() if path.startswith("raw/")
    }
