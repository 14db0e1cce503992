"""The sentences of chapters that depend on what was found: decisions, surprises, what helped, what failed."""

from dataclasses import dataclass

import pandas as pd

from smartrocket.summary import BLENDED, QUESTIONS, Run, judge, outcome_of
from smartrocket.tables import table
from smartrocket.wording import joined, number, percent, plural, points

EVENING = range(19, 22)
"""The hours that an earlier report called the peak of shopping."""

UNSET = "UTC"
"""The time zone of a profile that names none: whose clock it is, is then not known."""

MOST = 0.5
"""A share from which on something is called most."""


def write_chapters(run: Run, shop: dict) -> dict[str, str]:
    """Return the parts of the chapters that judge the run: name -> Markdown."""
    return {
        "decisions": write_decisions(run),
        "surprises": write_list(list_surprises(run)) or "Nothing in this log stands out.\n",
        "helped": write_helped(run),
        "failures": write_failures(run, shop),
        "insights": write_insights(run, shop),
        "features_left_out": write_features_left_out(shop),
    }


def write_list(sentences: list[str]) -> str:
    """Write sentences as a list; empty where there is none."""
    return "".join(f"- {sentence}\n" for sentence in sentences)


def wrap_table(frame: pd.DataFrame, caption: str) -> str:
    """Return a table as a part of a page."""
    return f"```{{=html}}\n{table(frame, caption).data}\n```\n"


def write_features_left_out(shop: dict) -> str:
    """Say which kinds of features stay empty for a shop without properties; empty for another one."""
    if shop["has_properties"]:
        return "\n"
    return (
        "This shop's files hold no properties of items. So the last kind stays empty here, and the category of an item "
        "is not known.\n"
    )


# ---------------------------------------------------------------- decisions


def write_decisions(run: Run) -> str:
    """Return the table of the decisions that results support, and how far each result can be trusted here."""
    hour, weekday, zone = (run.fact("01_eda", name) for name in ("peak_hour", "peak_weekday", "time_zone"))
    timing = "not known: the log is too short"
    if hour is not None:
        timing = f"measured: the busiest hour begins at {hour}:00 ({zone})"
        timing += f", the busiest weekday is {weekday}" if weekday else ""
    priced = run.fact("02_cleaning", "item_prices_rows")
    prices = (
        "measured; what another price would do, only an experiment tells"
        if priced
        else "not known: the files hold no prices"
    )
    rows = [
        ("Stocking", "how many of each item to order", "sales forecasts", tell_trust(run, "forecast")),
        ("Trends", "which items and categories gain", "sales forecasts by category", tell_trend_trust(run)),
        ("Personalisation", "what to show to this visitor next", "recommendations", tell_trust(run, "recommendation")),
        ("Timing", "when to send, when to be staffed", "days and hours in the data", timing),
        ("Prices", "what an item may cost", "prices in the data", prices),
    ]
    names = ["Decision", "The question", "What answers it", "How far to trust it for this shop"]
    return wrap_table(pd.DataFrame(rows, columns=names), "Decisions, and the results that support them")


def tell_trust(run: Run, task: str) -> str:
    """Say in half a sentence how far a task's result can be trusted for this shop."""
    verdict = judge(run, task)
    rule = verdict.baseline.model if verdict.baseline else ""
    return {
        "better": f"the model beats every simple rule, the best of which is {rule}",
        "worse": f"use the simple rule {rule}: it is better than the model",
        "same": f"the model is not shown to beat the simple rule {rule}",
        "unknown": "not known: the test is too small",
    }[verdict.outcome]


def tell_trend_trust(run: Run) -> str:
    """Say in half a sentence how far the forecasts of categories can be trusted for this shop."""
    verdict, metric = judge(run, "forecast"), QUESTIONS["forecast"].metric
    skill = None
    if verdict.ours:
        skill = run.score("forecast", "category", f"{metric}_skill", verdict.ours.model)
    if skill is None or not skill.has_interval:
        return "not known: categories could not be compared"
    return {
        "better": "for categories the model beats every simple rule",
        "worse": "for categories a simple rule is better than the model",
        "same": "for categories the model is not shown to beat simple rules",
    }[outcome_of(skill.low, skill.high)]


# ---------------------------------------------------------------- surprises


def list_surprises(run: Run) -> list[str]:
    """Return what stands out in the log, one sentence each."""

    def fact(name: str, notebook: str = "01_eda") -> float | None:
        return run.fact(notebook, name)

    found = []
    if (single := fact("sessions_single_event")) is not None and single >= MOST:
        found.append(
            f"**Most visits are a single event.** {percent(single)} of the sessions end where they began, so there is "
            "no next item in them to predict."
        )
    if (repeats := fact("immediate_repeat_share")) is not None and repeats >= 0.1:
        found.append(
            f"**The next page is often the same page.** {percent(repeats)} of the views that follow another event of "
            "the session are of that event's item. A model that repeats the last item would look good, and help nobody."
        )
    if (share := fact("conversion_visitors")) is not None and share < 0.1:
        buyers = fact("buyers")
        found.append(
            f"**Buying is rare.** {percent(share, 2)} of the visitors buy, {number(buyers)} in all. What is learned "
            "about sales is learned from them."
        )
    items, sold = fact("items"), fact("items_sold")
    if items and sold is not None and sold < items * MOST:
        found.append(
            f"**Most items never sell.** {number(sold)} of the {plural(int(items), 'item')} in the log were sold at "
            "least once."
        )
    if (top := fact("top_decile_share")) is not None and top >= 0.3:
        found.append(
            f"**A few items draw the crowd.** The busiest tenth of the items gets {percent(top)} of all events."
        )
    if (lacking := fact("items_without_properties_share")) is not None and lacking >= 0.05:
        found.append(
            f"**The catalogue does not know everything that is clicked.** {percent(lacking)} of the items in the log "
            "have no properties."
        )
    if (duplicates := fact("duplicates_events")) is not None and duplicates > 0:
        found.append(
            f"**Some rows are there twice.** {plural(int(duplicates), 'row')} of the events "
            f"{'repeats' if duplicates == 1 else 'repeat'} another one to the last column."
        )
    if (bots := fact("bots_visitor_days")) is not None and bots > 0:
        found.append(
            f"**Not everybody is a person.** On {plural(int(bots), 'visitor-day')} a visitor caused far more events "
            f"than a person would, {plural(int(fact('bots_events') or 0), 'event')} together."
        )
    if (breaks := fact("breaks", "04_forecast_lightgbm")) is not None and breaks > 0:
        found.append(
            f"**The traffic breaks.** On {plural(int(breaks), 'day')} it jumps to another level. No model can know "
            "that beforehand."
        )
    return found


# ---------------------------------------------------------------- what helped


@dataclass(frozen=True)
class Measure:
    """Something that was tried: what it is, what it changed with its interval, and whether that is beyond chance."""

    name: str
    change: str
    verdict: str


VERDICTS = {
    "better": "helped",
    "worse": "made it worse",
    "same": "no difference shown",
    "unknown": "not known",
}


def list_measures(run: Run) -> list[Measure]:
    """Return what was tried to make forecasts and recommendations better, with its effect in the test."""
    measures: list[Measure] = []

    def add(name: str, ends: tuple[float | None, float | None, float | None], unit: str) -> None:
        value, low, high = ends
        if value is None:
            return
        text = f"{points(value)} {unit}"
        outcome = "unknown"
        if None not in (low, high):
            text += f" ({points(low)} to {points(high)})"
            outcome = outcome_of(low, high)
        measures.append(Measure(name, text, VERDICTS[outcome]))

    def facts(notebook: str, prefix: str) -> tuple[float | None, float | None, float | None]:
        value, low, high = (run.fact(notebook, f"{prefix}_{end}") for end in ("value", "low", "high"))
        return value, low, high

    if run.is_enough("forecast"):
        task, level, metric = "forecast", run.levels("forecast")[0], QUESTIONS["forecast"].metric
        first = run.score(task, level, f"{metric}_skill", "LightGBM baseline")
        if first:
            add("Trees instead of the best simple rule (sales)", (first.value, first.low, first.high), "%")
        add("A search for settings (sales)", facts("05_forecast_tuning", "tuning_gain"), "%")
        if BLENDED in (run.fact("05_forecast_tuning", "final_model") or ""):
            add("Search and mix with a simple rule (sales)", facts("05_forecast_tuning", "final_gain"), "%")
    if run.is_enough("recommendation"):
        task, level, question = "recommendation", run.levels("recommendation")[0], QUESTIONS["recommendation"]
        rule = run.fact("07_gru4rec_tuning", "strongest_simple")
        names = (f"{question.ours} baseline", f"{question.ours} tuned", rule)
        untuned, tuned, simple = (run.score(task, level, question.metric, name) for name in names)
        if simple:
            ends = facts("07_gru4rec_tuning", "network_gain")
            ends = tuple(None if end is None else end * simple.value for end in ends)
            add(f"A network instead of {rule} (next item)", ends, "points")
        if untuned and tuned:
            _, low, high = facts("07_gru4rec_tuning", "tuning_gain")
            add("A search for settings (next item)", (tuned.value - untuned.value, low, high), "points")
        if lead := run.fact("07_gru4rec_tuning", "lead_model"):
            ends = facts("07_gru4rec_tuning", "lead")
            add(f"{lead} against {rule or 'the best simple rule'} (next item)", ends, "points")
    return measures


def write_helped(run: Run) -> str:
    """Return the table of what was tried and what it brought; a sentence where nothing could be measured."""
    measures = list_measures(run)
    if not measures:
        return "The tests are too small to tell what helped.\n"
    frame = pd.DataFrame(
        {
            "What was tried": [measure.name for measure in measures],
            "Change for the better (95 % interval)": [measure.change for measure in measures],
            "In the test it": [measure.verdict for measure in measures],
        }
    )
    groups = {
        verdict: [measure.name for measure in measures if measure.verdict == verdict] for verdict in VERDICTS.values()
    }
    words = {
        "helped": "helped",
        "made it worse": "made it worse",
        "no difference shown": "made no difference that is shown",
    }
    counted = [f"{number(len(groups[verdict]))} {text}" for verdict, text in words.items() if groups[verdict]]
    reading = f"Of {plural(len(measures), 'thing')} tried, {joined(counted)}." if counted else ""
    note = (
        "For sales, a change is that of the [Poisson deviance](/chapters/glossary.qmd#poisson-deviance), in % of what "
        "it was. For the next item, it is that of the [hit rate](/chapters/glossary.qmd#hit-rate), in percentage "
        "points. Above zero is better for both.\n"
    )
    after = (
        "\nThe numbers come from the test, after all choices were made. What made no difference here may make one in "
        "another shop.\n"
    )
    return f"{reading} {note}\n{wrap_table(frame, 'What was tried, and what it brought in the test')}{after}"


# ---------------------------------------------------------------- what fails


MITIGATION = {
    "Sudden peaks of demand": (
        "an interval around each forecast",
        "tell the model of campaigns and holidays, which a log does not know",
    ),
    "New items (sales)": ("the mean of their category", "look at them by hand in their first weeks"),
    "What happens outside the shop": ("nothing", "add weather, rivals' prices or news where they matter"),
    "New visitors": ("the network reads a single click; before it, popularity", "ask new visitors what they look for"),
    "New items (next item)": ("lists by category", "describe items by their properties, give new ones some places"),
    "Popular items crowd out the rest": (
        "re-ranking for variety, at a measured cost",
        "keep some places for trying out, and measure what they bring",
    ),
    "Lists stuck in one category": ("the same re-ranking", "let visitors choose how varied a list is"),
}
"""For each failure what stands against it in this report, and what is advised beyond that."""


WITHOUT_CATEGORIES = {
    "New items (sales)": ("the mean of all items", "look at them by hand in their first weeks"),
    "New items (next item)": ("what is popular", "note the items' categories, give new ones some places"),
}
"""What stands instead for a shop whose files name no categories."""


def write_failures(run: Run, shop: dict) -> str:
    """Return the table of known failures: how large each is here, what stands against it, and advice."""
    measured = {
        "Sudden peaks of demand": tell_breaks(run),
        "New items (sales)": tell_newcomers(run),
        "What happens outside the shop": "cannot be seen in a log",
        "New visitors": tell_first_click(run),
        "New items (next item)": tell_unseen(run),
        "Popular items crowd out the rest": tell_popularity(run),
        "Lists stuck in one category": tell_categories(run),
    }
    against = MITIGATION if shop["has_properties"] else MITIGATION | WITHOUT_CATEGORIES
    rows = [(failure, measured[failure], *against[failure]) for failure in measured]
    names = ["Failure", "How large it is here (measured)", "What stands against it here", "Advice, not measured"]
    return wrap_table(pd.DataFrame(rows, columns=names), "Known failures, and what can be done")


def tell_breaks(run: Run) -> str:
    """Say whether the traffic of the log breaks."""
    breaks = run.fact("04_forecast_lightgbm", "breaks")
    if breaks is None:
        return "not known"
    return f"the traffic breaks on {plural(int(breaks), 'day')}" if breaks else "no break of the traffic was found"


def tell_newcomers(run: Run) -> str:
    """Say which share of the units sold in the test was sold of items that could not be forecast."""
    units, new = (run.fact("05_forecast_tuning", name) for name in ("test_units", "test_units_of_new_items"))
    if None in (units, new) or not units + new:
        return "not known: the test is too small"
    return (
        f"{number(new)} of the {plural(round(units + new), 'unit')} sold in the test were of items unknown when the "
        "forecast was made"
    )


def tell_first_click(run: Run) -> str:
    """Say what the network finds after a single click."""
    scores = run.scores("recommendation, cold start", "one click seen", "hit_rate@20")
    ours = next((score for score in scores if score.model.startswith("GRU4Rec tuned") and score.has_interval), None)
    if ours is None:
        return "not known: the test is too small"
    return f"after one click {ours.model} finds {percent(ours.value)} of the next items"


def tell_unseen(run: Run) -> str:
    """Say what can be found after a click on an item that training did not know."""
    scores = run.scores("recommendation, cold start", "unseen item, nothing else known", "hit_rate@20")
    best = next((score for score in scores if score.has_interval), None)
    if best is None:
        return "not known: too few such clicks"
    return f"after an unknown item the best rule, {best.model}, finds {percent(best.value)}"


def tell_popularity(run: Run) -> str:
    """Say whether the network's lists lean to more popular items than visitors choose."""
    clicked = run.fact("07_gru4rec_tuning", "clicked_popularity_rank")
    scores = run.scores("recommendation", "event", "popularity_rank@20")
    ours = next((score for score in scores if score.model == "GRU4Rec tuned"), None)
    if clicked is None or ours is None:
        return "not known: the test is too small"
    lean = "more" if ours.value < clicked else "less"
    return (
        f"the mean suggestion has popularity rank {number(ours.value)}, the mean click {number(clicked)}: the lists "
        f"lean to {lean} popular items"
    )


def tell_categories(run: Run) -> str:
    """Say how many categories a list of 20 holds, with and without re-ranking."""
    before, after = (run.fact("07_gru4rec_tuning", f"diversity_{step}_categories") for step in (0, 50))
    if None in (before, after):
        return "not known"
    return f"a list of 20 holds {before:.1f} top categories on average; re-ranking can make that {after:.1f}"


# ---------------------------------------------------------------- insights


def write_insights(run: Run, shop: dict) -> str:
    """Return the table of an earlier report's insights into shoppers, each held against this log."""
    rows = [
        ("Short sessions dominate", *judge_short(run)),
        ("The peak is in the evening, 19 to 22 o'clock", *judge_evening(run)),
        ("Visitors stay within a category", *judge_loyalty(run, shop)),
        ("Views and purchases are strongly linked", *judge_views(run)),
    ]
    names = ["What it said", "What this log says", "So here it"]
    return wrap_table(pd.DataFrame(rows, columns=names), "Insights of the earlier report, held against this log")


def judge_short(run: Run) -> tuple[str, str]:
    """Hold the claim of short sessions against the log."""
    single = run.fact("01_eda", "sessions_single_event")
    if single is None:
        return "not counted", "is not known"
    return f"{percent(single)} of the sessions are a single event", "holds" if single >= MOST else "does not hold"


def judge_evening(run: Run) -> tuple[str, str]:
    """Hold the claim of an evening peak against the log."""
    hour, zone = run.fact("01_eda", "peak_hour"), run.fact("01_eda", "time_zone")
    if hour is None:
        return "the log is too short to tell", "is not known"
    text = f"the busiest hour begins at {hour}:00 ({zone or UNSET})"
    if (zone or UNSET) == UNSET:
        return f"{text}; whether that is the visitors' clock is not known", "is not known"
    return text, "holds" if hour in EVENING else "does not hold"


def judge_loyalty(run: Run, shop: dict) -> tuple[str, str]:
    """Hold the claim of loyalty to categories against the log."""
    same, chance = (run.fact("01_eda", name) for name in ("category_same_steps", "category_same_by_chance"))
    if not shop["has_properties"]:
        return "the files hold no categories of items", "is not known"
    if None in (same, chance):
        return "there is no step between items of known category", "is not known"
    text = f"{percent(same)} of the steps to another item stay in the category; by chance {percent(chance)} would"
    return text, "holds" if same > chance else "does not hold"


def judge_views(run: Run) -> tuple[str, str]:
    """Hold the claim that views lead to purchases against the log."""
    once, more = (run.fact("01_eda", name) for name in ("bought_after_one_view", "bought_after_more_views"))
    if None in (once, more):
        return "too few views to tell", "is not known"
    text = f"an item viewed once is bought in {percent(once, 2)} of cases, one viewed more often in {percent(more, 2)}"
    return (f"{text}; the views need not be the cause", "holds") if more > once else (text, "does not hold")
