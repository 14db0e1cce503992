"""What flawed tests of a recommender would have claimed, beside what its models are worth.

An earlier report on such data claimed that a network finds the next item in 84.3 % of all cases. Each mistake
that leads there, and two more that are common, is made here on its own, with the same log and the same kinds of
models, and then the earlier report's one on top of the other.
"""

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from IPython.display import HTML

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.neighbours import SeenItems, stan
from smartrocket.protocols import Rules, build_sequences, repeat_by_category, split_at_random
from smartrocket.ranking import (
    NextClicks,
    Ranking,
    Recommender,
    Sessions,
    catalogue,
    evaluate,
    next_clicks,
    read_sessions,
    sample_clicks,
)
from smartrocket.results import Results
from smartrocket.sequences import split_last_days
from smartrocket.tables import table
from smartrocket.wording import number, percent, plural

SAMPLED_NEGATIVES = 100
"""How many items the target is compared with where not all items are ranked."""

RULE, LEARNER = "items already seen", "STAN"
MODELS: dict[str, Callable[[], Recommender]] = {RULE: SeenItems, LEARNER: stan}
"""What the mistakes are shown on: a rule that learns nothing, and a quick model that learns."""

EARLIER_CLAIM = 0.843
"""The hit rate@20 that the earlier report claims for its tuned network."""

METRIC = "hit_rate@20"

NOTHING_ASKED = "The test asks nothing, so no mistake can be shown."


@dataclass(frozen=True)
class Case:
    """Training sessions, the clicks to predict, and how many items there are to rank."""

    train: Sessions
    clicks: NextClicks
    item_count: int
    seed: int

    def rank(self, model: Recommender) -> Ranking:
        """Return where a trained model ranks the clicks to predict."""
        return evaluate(model, self.clicks, self.item_count)

    def train_models(self) -> dict[str, Recommender]:
        """Return the models of the audit, trained on this case."""
        return {name: make().fit(self.train, self.item_count) for name, make in MODELS.items()}


@dataclass(frozen=True)
class Log:
    """What a shop's sequences are made of, and how the honest test makes and splits them.

    `events` has timestamp, visitorid, event and itemid, as cleaning leaves them; `category_rows` has one row
    (itemid) for each row that names an item's category in the raw files. Of the clicks to predict, at most
    `most_clicks` are drawn, so that a large log is audited in seconds.
    """

    events: pd.DataFrame
    category_rows: pd.DataFrame
    rules: Rules
    test_days: int
    most_clicks: int
    seed: int

    def make_sequences(self, **changes: object) -> pd.DataFrame:
        """Return the sequences by the honest rules, but for the changes."""
        return build_sequences(self.events, replace(self.rules, **changes))

    def split(self, sequences: pd.DataFrame) -> Case:
        """Split sequences by time, as the honest test does."""
        return self.read(*split_last_days(sequences, self.test_days))

    def split_randomly(self, sequences: pd.DataFrame) -> Case:
        """Split sequences by visitor at random, into a test of as many sequences as a split by time gives."""
        _, later = split_last_days(sequences, self.test_days)
        return self.read(*split_at_random(sequences, later["sessionid"].nunique(), self.seed))

    def read(self, train: pd.DataFrame, test: pd.DataFrame) -> Case:
        """Turn the two parts into a case."""
        item_ids = catalogue(train)
        asked = next_clicks(read_sessions(test, item_ids))
        drawn = sample_clicks(asked, self.most_clicks, self.seed)
        return Case(read_sessions(train, item_ids), drawn, len(item_ids), self.seed)


# ---------------------------------------------------------------- mistakes in what is asked


def keep_repeats(log: Log) -> Case:
    """Count an item that is viewed twice in a row as two clicks: the next item is often the same one."""
    return log.split(log.make_sequences(keep_repeats=True))


def keep_histories(log: Log) -> Case:
    """Take all that a visitor ever did, purchases and the cart too, as one sequence."""
    return log.split(log.make_sequences(gap_minutes=None, all_events=True))


def join_categories(log: Log) -> Case:
    """Join clicks to all rows that name their item's category: a click occurs as often as its item has rows."""
    return log.split(repeat_by_category(log.make_sequences(), log.category_rows))


def split_randomly(log: Log) -> Case:
    """Hold out visitors drawn at random instead of the last days: training then reaches beyond the test."""
    return log.split_randomly(log.make_sequences())


# ---------------------------------------------------------------- mistakes in how an answer is scored


def ask_training(case: Case) -> Case:
    """Ask for clicks of training sessions, as many as before, drawn at random: the models have seen the answers."""
    drawn = np.random.default_rng(case.seed).permutation(len(case.train))[: len(case.clicks)]
    asked = next_clicks(case.train.take(np.sort(drawn)))
    return replace(case, clicks=sample_clicks(asked, len(case.clicks), case.seed))


def score_on_training(case: Case, model: Recommender) -> Ranking:
    """Rank the clicks of sessions that the model was trained on."""
    return ask_training(case).rank(model)


def sample_negatives(case: Case, model: Recommender, negatives: int = SAMPLED_NEGATIVES) -> Ranking:
    """Rank each target among items drawn at random instead of all; ties count against the model as ever."""
    generator = np.random.default_rng(case.seed)
    others = min(negatives, case.item_count - 1)

    def rank(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
        # Numbers from the target's on move up by one, so that the target itself is not drawn.
        drawn = generator.integers(0, case.item_count - 1, (len(targets), others))
        drawn += drawn >= targets[:, None]
        own = scores[np.arange(len(targets)), targets]
        return 1 + (np.take_along_axis(scores, drawn, axis=1) >= own[:, None]).sum(axis=1)

    return evaluate(model, case.clicks, case.item_count, rank=rank)


def favour_ties(case: Case, model: Recommender) -> Ranking:
    """Let a target count as the first of all items with its score."""

    def rank(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
        own = scores[np.arange(len(targets)), targets]
        return 1 + (scores > own[:, None]).sum(axis=1)

    return evaluate(model, case.clicks, case.item_count, rank=rank)


# ---------------------------------------------------------------- all mistakes, side by side and in a row


@dataclass(frozen=True)
class Claim:
    """What a flawed test says of a model (`claimed`), and what the honest test says.

    Where the mistake lies in the sequences, the model was trained anew on the flawed ones (`retrained`), and the honest
    test is of a model of the same kind; otherwise it is of that very model.
    """

    mistake: str
    model: str
    claimed: Ranking
    honest: Ranking
    retrained: bool


@dataclass(frozen=True)
class Rung:
    """A step of the ladder from the honest test to the earlier report's: what it adds, and where models rank then."""

    step: str
    rankings: Mapping[str, Ranking]


def collect_claims(log: Log, trained: Mapping[str, Recommender]) -> list[Claim]:
    """Make every mistake on its own; none where the honest test asks nothing.

    A log that names no category has no join that doubles events. `trained` holds further models, trained on the
    training sequences of the honest test: how they do on these very sequences is told too.
    """
    honest_case = log.split(log.make_sequences())
    if not len(honest_case.clicks):
        return []
    models = honest_case.train_models()
    honest = {name: honest_case.rank(model) for name, model in (models | dict(trained)).items()}
    claims = [
        Claim("scored on training sequences", name, score_on_training(honest_case, model), honest[name], False)
        for name, model in (models | dict(trained)).items()
    ]
    for mistake, make in (
        *([("events doubled by a join", join_categories)] if len(log.category_rows) else []),
        ("whole histories, all events", keep_histories),
        ("visitors held out at random", split_randomly),
        ("repeats in a row kept", keep_repeats),
    ):
        case = make(log)
        if len(case.clicks):
            claims += [
                Claim(mistake, name, case.rank(model), honest[name], retrained=True)
                for name, model in case.train_models().items()
            ]
    for mistake, score in (
        (f"ranked among {SAMPLED_NEGATIVES} items", sample_negatives),
        ("ties in the model's favour", favour_ties),
    ):
        claims += [
            Claim(mistake, name, score(honest_case, model), honest[name], retrained=False)
            for name, model in models.items()
        ]
    return claims


def climb(log: Log) -> list[Rung]:
    """Make the earlier report's mistakes one on top of the other; no rungs where a test on the way asks nothing."""
    rungs = []
    for step, case in add_mistakes(log):
        if not len(case.clicks):
            return []
        models = case.train_models()
        rungs.append(Rung(step, rank_all(case, models)))
    # The last step asks the models of the step before for what they were trained on.
    return [*rungs, Rung("+ scored on training sequences", rank_all(ask_training(case), models))]


def add_mistakes(log: Log) -> Iterator[tuple[str, Case]]:
    """Give the case of each step of the ladder, the honest test first; one at a time, since a log may be large."""
    yield "the honest test", log.split(log.make_sequences())
    yield "+ repeats in a row kept", log.split(log.make_sequences(keep_repeats=True))
    sequences = log.make_sequences(keep_repeats=True, gap_minutes=None, all_events=True)
    yield "+ whole histories, all events", log.split(sequences)
    if len(log.category_rows):
        sequences = repeat_by_category(sequences, log.category_rows)
        yield "+ events doubled by a join", log.split(sequences)
    yield "+ visitors held out at random", log.split_randomly(sequences)


def rank_all(case: Case, models: Mapping[str, Recommender]) -> dict[str, Ranking]:
    """Return where each trained model ranks the clicks of a case."""
    return {name: case.rank(model) for name, model in models.items()}


def claims_frame(claims: Sequence[Claim], seed: int) -> pd.DataFrame:
    """Return one row a claim: mistake, model, claimed and honest hit rate@20 and NDCG@20, the claimed one's interval.

    Columns: mistake, model, honest, claimed, 95 % interval (text), honest NDCG@20, claimed NDCG@20.
    """
    rows = []
    for claim in claims:
        honest, claimed = claim.honest.metrics(), claim.claimed.metrics()
        low, high = claim.claimed.interval(METRIC, seed)
        rows.append(
            {
                "mistake": claim.mistake,
                "model": claim.model,
                "honest": honest[METRIC],
                "claimed": claimed[METRIC],
                "95 % interval": f"{low:.3f} to {high:.3f}" if low is not None else None,
                "honest NDCG@20": honest["ndcg@20"],
                "claimed NDCG@20": claimed["ndcg@20"],
            }
        )
    columns = ["mistake", "model", "honest", "claimed", "95 % interval", "honest NDCG@20", "claimed NDCG@20"]
    return pd.DataFrame(rows, columns=columns)


def claims_table(claims: Sequence[Claim], seed: int, refusal: str) -> HTML:
    """Return the table of all claims; `refusal` says why nothing is compared, if so."""
    if refusal or not claims:
        return HTML(f'<p class="finding-absent">{html.escape(refusal or NOTHING_ASKED)}</p>')
    frame = claims_frame(claims, seed)
    formats = {name: ".3f" for name in frame if pd.api.types.is_numeric_dtype(frame[name])}
    clicks = plural(len(claims[0].honest.ranks), "click")
    most = number(max(len(claim.claimed.ranks) for claim in claims))
    caption = (
        f"Hit rate@20 and NDCG@20, claimed and honest. The honest test asks for {clicks}, a flawed one for {most} at "
        "most: where there are more, they are drawn at random."
    )
    return table(frame, caption, formats)


def rungs_frame(rungs: Sequence[Rung]) -> pd.DataFrame:
    """Return one row a step: step, clicks asked, and hit rate@20 and NDCG@20 of each model."""
    rows = []
    for rung in rungs:
        row: dict = {"step": rung.step, "clicks": len(next(iter(rung.rankings.values())).ranks)}
        for name, ranking in rung.rankings.items():
            metrics = ranking.metrics()
            row |= {f"{name}, hit rate@20": metrics[METRIC], f"{name}, NDCG@20": metrics["ndcg@20"]}
        rows.append(row)
    return pd.DataFrame(rows)


def describe_claims(claims: Sequence[Claim], refusal: str) -> Finding:
    """Show what each mistake makes of each model's hit rate@20; `refusal` says why nothing is compared, if so."""
    if refusal or not claims:
        return Finding(refusal or NOTHING_ASKED)
    frame = claims_frame(claims, seed=0)
    mistakes, models = list(dict.fromkeys(frame["mistake"])), list(dict.fromkeys(frame["model"]))
    fig, ax = figures.canvas(8, 0.9 + 0.5 * len(mistakes))
    for number_, (model, rows) in enumerate(frame.groupby("model", sort=False)):
        places = rows["mistake"].map(mistakes.index) + 0.22 * (number_ - (len(models) - 1) / 2)
        colour = figures.PALETTE[number_]
        ax.hlines(places, rows["honest"], rows["claimed"], color=colour, linewidth=1.5)
        ax.plot(rows["honest"], places, "o", color=colour, markerfacecolor="none", markersize=5)
        ax.plot(rows["claimed"], places, "o", color=colour, markersize=5, label=model)
    ax.set_yticks(range(len(mistakes)), mistakes)
    ax.invert_yaxis()
    ax.set(xlabel="hit rate@20", xlim=(0, 1))
    ax.grid(axis="y", visible=False)
    ax.grid(axis="x", visible=True)
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    gain = frame["claimed"] - frame["honest"]
    worst = frame.loc[gain.idxmax()]
    raised = int((gain > 0).sum())
    reading = f"{number(raised)} of the {plural(len(frame), 'flawed figure')} claim more than the honest test finds. "
    if gain.max() > 0:
        retrained = claims[int(gain.argmax())].retrained
        same = "is the same kind of model, trained on other sequences" if retrained else "is the same model"
        reading += (
            f"The largest step is “{worst['mistake']}”: {worst['model']} goes from {percent(worst['honest'])} to "
            f"{percent(worst['claimed'])}, and {same}."
        )
    return Finding(
        reading=reading.strip(),
        figure=fig,
        caption="Hit rate@20 by the honest test (rings) and by tests with one mistake each (dots).",
        alt=reading.strip(),
    )


def describe_ladder(rungs: Sequence[Rung], refusal: str) -> Finding:
    """Show how the hit rate@20 climbs as the earlier report's mistakes are made one on top of the other."""
    if refusal or not rungs:
        return Finding(refusal or "Some of these tests ask nothing, so the ladder cannot be shown.")
    frame = rungs_frame(rungs)
    fig, ax = figures.canvas(8, 0.9 + 0.42 * len(rungs))
    places = np.arange(len(rungs))
    for number_, name in enumerate(rungs[0].rankings):
        values = frame[f"{name}, hit rate@20"]
        ax.plot(values, places, marker="o", color=figures.PALETTE[number_], label=name)
        side, away = ("right", -7) if name == RULE else ("left", 7)
        for value, place in zip(values, places, strict=True):
            ax.annotate(percent(value), (value, place), (away, -3), ha=side, textcoords="offset points", fontsize=8)
    ax.axvline(EARLIER_CLAIM, color=figures.MUTED, linestyle="--", linewidth=1)
    ax.set_yticks(places, frame["step"])
    ax.invert_yaxis()
    ax.set(xlabel="hit rate@20", xlim=(0, 1.08))
    ax.grid(axis="y", visible=False)
    ax.grid(axis="x", visible=True)
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    steps = [
        f"{name} from {percent(values.iloc[0])} to {percent(values.iloc[-1])}"
        for name in rungs[0].rankings
        for values in (frame[f"{name}, hit rate@20"],)
    ]
    without = percent(frame[f"{RULE}, hit rate@20"].iloc[-2])
    reading = (
        f"All mistakes together take {' and '.join(steps)}. Before the last step, {without} go to a rule "
        "that has learned nothing: it lists what the sequence already holds."
    )
    return Finding(
        reading=reading,
        figure=fig,
        caption="Hit rate@20 with the earlier report's mistakes made one on top of the other. "
        f"Dashed: the {percent(EARLIER_CLAIM)} that it claimed for its own log.",
        alt=reading,
    )


def record_audit(results: Results, claims: Sequence[Claim], rungs: Sequence[Rung], seed: int) -> None:
    """Write what each mistake claims, and where each step of the ladder stands, as scores of their own task."""
    for claim in claims:
        for metric in (METRIC, "ndcg@20"):
            interval = claim.claimed.interval(metric, seed)
            value = claim.claimed.metrics()[metric]
            results.score("recommendation audit", claim.model, claim.mistake, metric, value, *interval)
    for rung in rungs:
        for name, ranking in rung.rankings.items():
            for metric in (METRIC, "ndcg@20"):
                level = f"ladder: {rung.step.removeprefix('+ ')}"
                results.score("recommendation audit", name, level, metric, ranking.metrics()[metric])
