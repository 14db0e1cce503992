"""What the results of a run amount to: the best model, the baseline it must beat, and whether it does."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from smartrocket.wording import capitalise, joined, number, percent, plural


@dataclass(frozen=True)
class Metric:
    """How a metric is named, read and written. `lower_is_better` is None where neither end is good (bias)."""

    label: str
    lower_is_better: bool | None
    meaning: str
    is_share: bool = False

    def write(self, value: float | None) -> str:
        """Write a value of this metric for a reader; a missing one is a dash."""
        if value is None:
            return "–"
        text = percent(value) if self.is_share else number(value, 3)
        return text.replace("-", "−")

    @property
    def heading(self) -> str:
        """The label with a capital, as a table's column or caption begins."""
        return self.label if self.label[1:2].isupper() else self.label[0].upper() + self.label[1:]


METRICS = {
    "poisson_deviance": Metric("Poisson deviance", True, "how badly expected units fit sold units, 0 is perfect"),
    "rmsse": Metric("RMSSE", True, "root mean squared error over that of a naive forecast in the past"),
    "average_precision": Metric("average precision", False, "how well sellers are ranked above the rest", True),
    "scaled_crps": Metric("scaled CRPS", True, "error of the whole forecast distribution over units sold"),
    "bias": Metric("bias", None, "forecast units over sold units, less one", True),
    "wmape": Metric("wMAPE", True, "sum of absolute errors over units sold", True),
    "hit_rate@20": Metric("hit rate@20", False, "how often the next item is among 20 suggestions", True),
    "mrr@20": Metric("MRR@20", False, "mean of one over the place of the next item, 0 beyond place 20"),
    "hit_rate@1": Metric("hit rate@1", False, "how often the first suggestion is the next item", True),
}
"""The metrics that the report's tables may show."""


BLENDED = " with "


@dataclass(frozen=True)
class Question:
    """What a task is judged by: one metric at one level. Our models are known by their name.

    The fact `enough` of `notebook` is false where the test is too small for a claim; the fact `size` counts
    what it holds. `columns` are the metrics of the table, `columns_elsewhere` those at other levels.
    """

    task: str
    metric: str
    level: str
    ours: str
    notebook: str
    enough: str
    size: str
    columns: tuple[str, ...]
    columns_elsewhere: tuple[str, ...]

    def is_ours(self, model: str) -> bool:
        """Whether a model was trained here, alone or in a blend, and is not a simple rule."""
        return model.startswith(self.ours)

    def is_blend(self, model: str) -> bool:
        """Whether a model is one of ours put together with a simple rule, such as "GRU4Rec tuned with STAN"."""
        return self.is_ours(model) and BLENDED in model


QUESTIONS = {
    "forecast": Question(
        task="forecast",
        metric="poisson_deviance",
        level="item",
        ours="LightGBM",
        notebook="05_forecast_tuning",
        enough="enough_test_units",
        size="test_units",
        columns=("poisson_deviance", "rmsse", "average_precision", "bias"),
        # With every item's zeros in it, the wMAPE of items would reward a forecast of zero.
        columns_elsewhere=("poisson_deviance", "rmsse", "wmape", "bias"),
    ),
    "recommendation": Question(
        task="recommendation",
        metric="hit_rate@20",
        level="event",
        ours="GRU4Rec",
        notebook="07_gru4rec_tuning",
        enough="enough_test_events",
        size="test_events",
        columns=("hit_rate@20", "mrr@20", "hit_rate@1"),
        columns_elsewhere=("hit_rate@20", "mrr@20", "hit_rate@1"),
    ),
}


@dataclass(frozen=True)
class Score:
    """One metric of one model, with its 95 % interval where it has one."""

    model: str
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def has_interval(self) -> bool:
        """Whether the score has an interval."""
        return self.low is not None and self.high is not None


class Run:
    """The results of all notebooks of one build."""

    def __init__(self, results: Iterable[Mapping[str, Any]]):
        """Take the contents of the results files, in the order of the notebooks."""
        self.facts: dict[str, dict[str, dict]] = {}
        self.records: dict[tuple[str, str, str, str], dict] = {}
        for content in results:
            self.facts[content["notebook"]] = dict(content["facts"])
            for record in content["scores"]:
                # A later notebook may score an earlier one's model again; its word is the last.
                key = (record["task"], record["level"], record["metric"], record["model"])
                self.records[key] = record

    def fact(self, notebook: str, name: str) -> Any:
        """Return the value of a fact, None where the run has not found it."""
        return self.facts.get(notebook, {}).get(name, {}).get("value")

    def is_enough(self, task: str) -> bool:
        """Whether a task was scored, on a test that the run does not call too small for a claim."""
        question = QUESTIONS[task]
        scored = any(name == task for name, _, _, _ in self.records)
        return scored and self.fact(question.notebook, question.enough) is not False

    def levels(self, task: str) -> list[str]:
        """Return the levels at which a task was scored, the one that it is judged by first."""
        levels = dict.fromkeys(level for name, level, _, _ in self.records if name == task)
        return sorted(levels, key=lambda level: level != QUESTIONS[task].level)

    def scores(self, task: str, level: str, metric: str) -> list[Score]:
        """Return each model's score that has a value, the best first (for bias: the smallest in size)."""
        scores = [
            Score(model, record["value"], record["low"], record["high"])
            for (name, place, measure, model), record in self.records.items()
            if (name, place, measure) == (task, level, metric) and record["value"] is not None
        ]
        lower_is_better = METRICS[metric].lower_is_better if metric in METRICS else False
        if lower_is_better is None:
            return sorted(scores, key=lambda score: abs(score.value))
        return sorted(scores, key=lambda score: score.value, reverse=not lower_is_better)

    def score(self, task: str, level: str, metric: str, model: str) -> Score | None:
        """Return one model's score, None where it has no value."""
        return next((score for score in self.scores(task, level, metric) if score.model == model), None)


Outcome = Literal["better", "worse", "same", "unknown"]


@dataclass(frozen=True)
class Verdict:
    """Whether the best of our models beats the strongest simple rule, on the metric that the task is judged by.

    `gain` is how much better ours is, relative to the rule (0.03 is 3 % better, negative is worse), with the
    interval of the paired comparison where the run has one. An unknown outcome comes without any score.
    """

    outcome: Outcome
    metric: Metric
    ours: Score | None = None
    baseline: Score | None = None
    gain: Score | None = None


def judge(run: Run, task: str) -> Verdict:
    """Compare our final model, or where the run names none the best of ours, with the strongest simple rule.

    The interval of the paired gain (`<metric>_skill`) decides where the run has one, else whether the two
    models' own intervals overlap, which is the more cautious question. Without intervals, or where the run
    says that its test is too small, there is no verdict.
    """
    question = QUESTIONS[task]
    metric = METRICS[question.metric]
    unknown = Verdict("unknown", metric)
    if not run.is_enough(task):
        return unknown
    level = run.levels(task)[0]
    scores = run.scores(task, level, question.metric)
    # The run names the model that it ended with before it looked at the test; the best of several would flatter.
    final = run.fact(question.notebook, "final_model")
    ours = next((score for score in scores if score.model == final), None)
    ours = ours or next((score for score in scores if question.is_ours(score.model)), None)
    baseline = next((score for score in scores if not question.is_ours(score.model)), None)
    if ours is None or baseline is None:
        return unknown
    gain = run.score(task, level, f"{question.metric}_skill", ours.model)
    if gain is None and baseline.value:
        change = ours.value / baseline.value - 1
        gain = Score(ours.model, -change if metric.lower_is_better else change)
    if gain is not None and gain.has_interval:
        return Verdict(outcome_of(gain.low, gain.high), metric, ours, baseline, gain)
    if not (ours.has_interval and baseline.has_interval):
        return unknown
    worse, better = (ours, baseline) if metric.lower_is_better else (baseline, ours)
    return Verdict(outcome_of(better.low - worse.high, better.high - worse.low), metric, ours, baseline, gain)


def outcome_of(low: float, high: float) -> Outcome:
    """Say what an interval of a gain means: wholly above zero is better, wholly below is worse."""
    if low > 0:
        return "better"
    return "worse" if high < 0 else "same"


def write_interval(metric: Metric, score: Score) -> str:
    """Write a score with its interval: "0.912 (0.901 to 0.930)"."""
    if not score.has_interval:
        return metric.write(score.value)
    return f"{metric.write(score.value)} ({metric.write(score.low)} to {metric.write(score.high)})"


def write_gain(gain: Score) -> str:
    """Write the size of a gain or a loss with its interval: "3.4 % (2.8 % to 4.0 %)"."""
    return write_size(gain, percent)


def write_size(difference: Score, write: Callable[[float], str]) -> str:
    """Write a difference without its sign, each number by `write`; an interval around zero keeps its signs."""
    sign = -1 if difference.value < 0 else 1
    text = write(abs(difference.value))
    if not difference.has_interval:
        return text
    low, high = sorted(sign * end for end in (difference.low, difference.high))
    return f"{text} ({write(low)} to {write(high)})".replace("-", "−")


def count_test(run: Run, task: str) -> str | None:
    """Say how much the test of a task holds ("1 click to predict"); None where the run did not count it."""
    question = QUESTIONS[task]
    count = run.fact(question.notebook, question.size)
    if count is None:
        return None
    if task == "forecast":
        return f"{plural(round(count), 'unit')} of known items"
    return plural(round(count), "click to predict", "clicks to predict")


def explain_shortage(run: Run, task: str) -> str:
    """Say why there is no verdict on a task."""
    counted = count_test(run, task)
    if task == "forecast":
        if counted is None:
            return "There are too few sales in this log to score a forecast, so this report claims none."
        return f"The test weeks hold {counted}, too few to compare forecasts."
    if counted is None:
        return "There are too few sessions in this log to score recommendations, so this report claims nothing."
    return f"The test holds {counted}, too few to compare recommenders."


def describe_forecast(run: Run) -> str:
    """Say in two or three sentences how well sales of items are forecast, true for any outcome."""
    verdict = judge(run, "forecast")
    if verdict.outcome == "unknown":
        return explain_shortage(run, "forecast")
    ours, baseline, metric = verdict.ours, verdict.baseline, verdict.metric
    facts = (
        f"For single items, {ours.model} has a {metric.label} of {write_interval(metric, ours)}; "
        f"smaller is better. The strongest baseline, {baseline.model}, "
        f"has {write_interval(metric, baseline)}."
    )
    if verdict.outcome == "better":
        return f"{facts} The model's is {write_gain(verdict.gain)} smaller: it beats every baseline."
    if verdict.outcome == "worse":
        return f"{facts} The model's is {write_gain(verdict.gain)} larger: the baseline is the better choice."
    return f"{facts} The difference is within the noise: the model has not been shown to be better."


def describe_levels(run: Run) -> str:
    """Say at which levels the lead of our best sales forecast over the level's best baseline is shown.

    Empty where there is no verdict.
    """
    verdict = judge(run, "forecast")
    if verdict.outcome == "unknown":
        return ""
    names = {
        "item": "single items",
        "item without breaks": "single items in the weeks without a break of the traffic",
        "category": "categories",
        "total": "the whole shop",
    }
    kinds: dict[Outcome, list[str]] = {"better": [], "same": [], "worse": [], "unknown": []}
    for level in run.levels("forecast"):
        skill = run.score("forecast", level, f"{QUESTIONS['forecast'].metric}_skill", verdict.ours.model)
        name = names.get(level, level)
        if skill is None or not skill.has_interval:
            kinds["unknown"].append(name)
        else:
            interval = f"{percent(skill.low)} to {percent(skill.high)}".replace("-", "−")
            kinds[outcome_of(skill.low, skill.high)].append(f"{name} (95 % interval of the advantage {interval})")
    sentences = {
        "better": "The lead of {model} over the best baseline is shown for {levels}.",
        "same": "No difference is shown for {levels}.",
        "worse": "{model} is behind the best baseline for {levels}.",
        "unknown": "For {levels} there is no interval of the difference, so nothing is claimed.",
    }
    return " ".join(
        sentences[kind].format(model=verdict.ours.model, levels=joined(levels))
        for kind, levels in kinds.items()
        if levels
    )


def find_lead(verdict: Verdict) -> Score:
    """Return by how much our best recommender is ahead of the strongest simple one, as a difference of shares.

    The relative gain, whose interval is that of the paired difference, is turned back into that difference.
    """
    gain, base = verdict.gain, verdict.baseline.value
    if gain is None or not gain.has_interval:
        return Score(verdict.ours.model, verdict.ours.value - base)
    return Score(gain.model, gain.value * base, gain.low * base, gain.high * base)


def write_points(difference: Score, comparison: str = "") -> str:
    """Write a difference of shares without its sign: "2.7 percentage points more (2.0 to 3.6)".

    `comparison` is the word between the size and its interval.
    """
    value, *interval = write_size(difference, lambda share: number(100 * share, 1)).split(" ", 1)
    return " ".join([value, "percentage points", *filter(None, [comparison]), *interval])


def describe_recommendation(run: Run) -> str:
    """Say in two or three sentences how well the next item is predicted, true for any outcome."""
    verdict = judge(run, "recommendation")
    if verdict.outcome == "unknown":
        return explain_shortage(run, "recommendation")
    ours, baseline, metric = verdict.ours, verdict.baseline, verdict.metric
    network, _, partner = ours.model.partition(BLENDED)
    who = f"The network and {partner} together find" if partner else f"The network, {network}, finds"
    other = f"{baseline.model} alone" if partner == baseline.model else f"the strongest simple rule, {baseline.model},"
    facts = (
        f"{who} the item that a visitor opens next among 20 suggestions in {metric.write(ours.value)} of cases; "
        f"{other} in {metric.write(baseline.value)}"
    )
    lead = find_lead(verdict)
    endings = {
        "better": f": {write_points(lead, 'more')}.",
        "worse": f": {write_points(lead, 'fewer')}, so for this shop {baseline.model} is the better choice.",
        "same": f". The difference, {write_points(lead)}, is within the noise: {baseline.model} is simpler.",
    }
    alone = describe_network(run, network, baseline.model) if partner else ""
    return f"{facts}{endings[verdict.outcome]}{alone}"


def describe_network(run: Run, network: str, rule: str) -> str:
    """Say how the network of a blend does without it, against the strongest simple rule; empty if not compared."""
    question, task = QUESTIONS["recommendation"], "recommendation"
    # The blend of the untuned network goes by its short name.
    name = f"{network} baseline" if network == question.ours else network
    level = run.levels(task)[0]
    score = run.score(task, level, question.metric, name)
    gain = run.score(task, level, f"{question.metric}_skill", name)
    if score is None or gain is None or not gain.has_interval:
        return ""
    meaning = {
        "better": f"is better than {rule}",
        "worse": f"is worse than {rule}",
        "same": f"has not been shown to differ from {rule}",
    }
    value = METRICS[question.metric].write(score.value)
    return f" The network alone ({value}) {meaning[outcome_of(gain.low, gain.high)]}."


def describe_best(run: Run, task: str) -> str:
    """Say in one or two sentences which model does a task best, and whether that is more than chance."""
    verdict = judge(run, task)
    if verdict.outcome == "unknown":
        return explain_shortage(run, task)
    ours, baseline, metric = verdict.ours, verdict.baseline, verdict.metric
    ours_text = f"{ours.model} ({metric.label} {metric.write(ours.value)})"
    rule_text = f"{baseline.model} ({metric.write(baseline.value)})"
    if verdict.outcome == "better":
        best = run.scores(task, run.levels(task)[0], QUESTIONS[task].metric)[0]
        lead = f"over the strongest simple rule, {rule_text}, is more than chance."
        if best.model == ours.model:
            return f"{ours_text} leads. Its lead {lead}"
        return (
            f"The lead of {ours_text} {lead} It was chosen before the test; in the test {best.model} "
            f"({metric.write(best.value)}) came out ahead of it."
        )
    if verdict.outcome == "worse":
        return f"{capitalise(rule_text)}, a simple rule, leads. It is ahead of {ours_text} by more than chance."
    return (
        f"No model is shown to lead. {ours_text} and the strongest simple rule, {rule_text}, differ within the noise."
    )


def describe_tuning(run: Run, task: str) -> str:
    """Say what the search for better settings changed against our untuned model, on the judged metric.

    The interval of the paired difference (facts `tuning_gain_low` and `tuning_gain_high`) decides where the
    run has it, else whether the untuned result lies inside the tuned one's interval. For recommendations the
    MRR is told too.
    """
    question, metric = QUESTIONS[task], METRICS[QUESTIONS[task].metric]
    too_small = "The test is too small to tell what tuning changes."
    if not run.is_enough(task):
        return too_small
    level = run.levels(task)[0]

    def find_pair(name: str) -> list[Score | None]:
        return [run.score(task, level, name, f"{question.ours} {kind}") for kind in ("baseline", "tuned")]

    untuned, tuned = find_pair(question.metric)
    if tuned is None or untuned is None:
        return too_small
    ends = [run.fact(question.notebook, f"tuning_gain_{end}") for end in ("low", "high")]
    if None in ends:
        if not tuned.has_interval:
            return too_small
        ends = [untuned.value - tuned.high, untuned.value - tuned.low]
        if not metric.lower_is_better:
            ends = [-end for end in reversed(ends)]
    meaning = {"better": "an improvement beyond the noise", "worse": "a loss beyond the noise"}
    if untuned.value == tuned.value:
        text = f"Tuning leaves the {metric.label} at {metric.write(tuned.value)}."
    else:
        text = (
            f"Tuning takes the {metric.label} from {metric.write(untuned.value)} to {metric.write(tuned.value)}, "
            f"{meaning.get(outcome_of(*ends), 'a change within the noise')}."
        )
    final = run.fact(question.notebook, "final_model")
    ends = [run.fact(question.notebook, f"final_gain_{end}") for end in ("low", "high")]
    if (
        final not in (None, tuned.model)
        and None not in ends
        and (used := run.score(task, level, question.metric, final))
    ):
        text += (
            f" The final forecast, {final}, has {metric.write(used.value)}: against the untuned model "
            f"{meaning.get(outcome_of(*ends), 'a change within the noise')}."
        )
    if task == "recommendation" and None not in (pair := find_pair("mrr@20")) and pair[0].value != pair[1].value:
        mrr = METRICS["mrr@20"]
        text += f" The {mrr.label} goes from {mrr.write(pair[0].value)} to {mrr.write(pair[1].value)}."
    return text
