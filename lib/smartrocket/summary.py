"""What the results of a run amount to: the best model, the baseline it must beat, and whether it does."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from smartrocket.wording import number, percent


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
        return self.label[0].upper() + self.label[1:]


METRICS = {
    "poisson_deviance": Metric("Poisson deviance", True, "how badly expected units fit sold units, 0 is perfect"),
    "rmsse": Metric("RMSSE", True, "root mean squared error over that of a naive forecast in the past"),
    "average_precision": Metric("average precision", False, "how well sellers are ranked above the rest", True),
    "bias": Metric("bias", None, "forecast units over sold units, less one", True),
    "wmape": Metric("wMAPE", True, "sum of absolute errors over units sold", True),
    "hit_rate@20": Metric("hit rate@20", False, "how often the next item is among 20 suggestions", True),
    "mrr@20": Metric("MRR@20", False, "mean of one over the place of the next item, 0 beyond place 20"),
    "hit_rate@1": Metric("hit rate@1", False, "how often the first suggestion is the next item", True),
}
"""The metrics that the report's tables may show."""


@dataclass(frozen=True)
class Question:
    """What a task is judged by: one metric at one level. Our models are known by their name.

    The fact `enough` of `notebook` is false where the test is too small for a claim. `columns` are the metrics
    of the table, `columns_elsewhere` those at other levels.
    """

    task: str
    metric: str
    level: str
    ours: str
    notebook: str
    enough: str
    columns: tuple[str, ...]
    columns_elsewhere: tuple[str, ...]

    def is_ours(self, model: str) -> bool:
        """Whether a model is one that was trained here, not a simple rule."""
        return model.startswith(self.ours)


QUESTIONS = {
    "forecast": Question(
        task="forecast",
        metric="poisson_deviance",
        level="item",
        ours="LightGBM",
        notebook="05_forecast_tuning",
        enough="enough_test_units",
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
    """Whether the best of our models beats the strongest baseline, on the metric that the task is judged by.

    `gain` is how much better ours is, relative to the baseline (0.03 is 3 % better, negative is worse), with
    the interval of the paired comparison where the run has one.
    """

    outcome: Outcome
    metric: Metric
    ours: Score | None = None
    baseline: Score | None = None
    gain: Score | None = None


def judge(run: Run, task: str) -> Verdict:
    """Compare the best of our models with the strongest baseline.

    The interval of the paired gain (`<metric>_skill`) decides where the run has one, else whether the two
    models' own intervals overlap, which is the more cautious question. Without intervals, or where the run
    says that its test is too small, there is no verdict.
    """
    question = QUESTIONS[task]
    metric = METRICS[question.metric]
    level = next(iter(run.levels(task)), question.level)
    scores = run.scores(task, level, question.metric)
    ours = next((score for score in scores if question.is_ours(score.model)), None)
    baseline = next((score for score in scores if not question.is_ours(score.model)), None)
    if ours is None or baseline is None:
        return Verdict("unknown", metric, ours, baseline)
    gain = run.score(task, level, f"{question.metric}_skill", ours.model)
    if gain is None and baseline.value:
        change = ours.value / baseline.value - 1
        gain = Score(ours.model, -change if metric.lower_is_better else change)
    if run.fact(question.notebook, question.enough) is False:
        return Verdict("unknown", metric, ours, baseline, gain)
    if gain is not None and gain.has_interval:
        return Verdict(outcome_of(gain.low, gain.high), metric, ours, baseline, gain)
    if not (ours.has_interval and baseline.has_interval):
        return Verdict("unknown", metric, ours, baseline, gain)
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
    if not gain.has_interval:
        return percent(abs(gain.value))
    ends = sorted(abs(end) for end in (gain.low, gain.high))
    return f"{percent(abs(gain.value))} ({percent(ends[0])} to {percent(ends[1])})"


def describe_forecast(verdict: Verdict) -> str:
    """Say in two or three sentences how well sales of items are forecast, true for any outcome."""
    if verdict.ours is None or verdict.baseline is None:
        return "There are too few sales in this log to score a forecast, so this report claims none."
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
    if verdict.outcome == "same":
        return f"{facts} The difference is within the noise: the model has not been shown to be better."
    return f"{facts} The log has too few sales to tell from this which of the two is better."


def describe_recommendation(verdict: Verdict) -> str:
    """Say in two or three sentences how well the next item is predicted, true for any outcome."""
    if verdict.ours is None or verdict.baseline is None:
        return "There are too few sessions in this log to score recommendations, so this report claims nothing."
    ours, baseline, metric = verdict.ours, verdict.baseline, verdict.metric
    facts = (
        f"{ours.model} has the item that a visitor opens next among its first 20 suggestions in "
        f"{write_interval(metric, ours)} of cases. The strongest baseline, {baseline.model}, "
        f"has it in {write_interval(metric, baseline)}."
    )
    points = number(100 * abs(ours.value - baseline.value), 1)
    if verdict.outcome == "better":
        return f"{facts} The model is {points} percentage points ahead of every baseline."
    if verdict.outcome == "worse":
        return f"{facts} The baseline is {points} percentage points ahead: for this shop it is the better choice."
    if verdict.outcome == "same":
        return f"{facts} The difference is within the noise, so the simpler baseline is the better choice."
    return f"{facts} The log has too few sessions to tell from this which of the two is better."


def describe_tuning(run: Run, task: str) -> str:
    """Say what the search for better settings changed against our untuned model, on the judged metric.

    The interval of the paired difference (facts `tuning_gain_low` and `tuning_gain_high`) decides where the
    run has it, else whether the untuned result lies inside the tuned one's interval.
    """
    question, metric = QUESTIONS[task], METRICS[QUESTIONS[task].metric]
    level = next(iter(run.levels(task)), question.level)
    tuned, untuned = (
        run.score(task, level, question.metric, f"{question.ours} {kind}") for kind in ("tuned", "baseline")
    )
    if tuned is None or untuned is None:
        return "Tuning could not be scored on this log."
    facts = f"Tuning takes the {metric.label} from {metric.write(untuned.value)} to {metric.write(tuned.value)}"
    if run.fact(question.notebook, question.enough) is False:
        return f"{facts}. The log is too small to tell whether that is more than chance."
    ends = [run.fact(question.notebook, f"tuning_gain_{end}") for end in ("low", "high")]
    if None in ends:
        if not tuned.has_interval:
            return f"{facts}. The log is too small to tell whether that is more than chance."
        ends = [untuned.value - tuned.high, untuned.value - tuned.low]
        if not metric.lower_is_better:
            ends = [-end for end in reversed(ends)]
    meaning = {"better": "an improvement beyond the noise", "worse": "a loss beyond the noise"}
    return f"{facts}, {meaning.get(outcome_of(*ends), 'a change within the noise')}."
