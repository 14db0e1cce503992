import numpy as np
import pandas as pd
import pytest

from shops import random_events
from smartrocket.gates import shuffle_clicks, shuffle_gate
from smartrocket.neighbours import Popularity, SeenItems, stan
from smartrocket.protocols import Rules
from smartrocket.ranking import evaluate, next_clicks
from smartrocket.recommendation_audit import (
    LEARNER,
    RULE,
    Case,
    Log,
    ask_training,
    claims_frame,
    claims_table,
    climb,
    collect_claims,
    describe_claims,
    describe_ladder,
    favour_ties,
    join_categories,
    keep_histories,
    keep_repeats,
    record_audit,
    rungs_frame,
    sample_negatives,
    score_on_training,
    split_randomly,
)
from smartrocket.results import Results
from smartrocket.workspace import Workspace
from visits import Fixed, make_sessions, walk


@pytest.fixture(scope="module")
def log() -> Log:
    visits = [random_events(day, rows=300, days=2, visitors=12, items=60).assign(day=day) for day in range(40)]
    events = pd.concat(visits)
    # Each visitor comes for two days; shoppers look again at what they have just seen or put into the cart.
    events["visitorid"] += 100 * events["day"]
    events["timestamp"] += pd.to_timedelta(events.pop("day"), unit="D")
    again = events.assign(timestamp=events["timestamp"] + pd.Timedelta(seconds=5), event="view")
    events = pd.concat([events, again]).sort_values(["timestamp", "visitorid", "itemid", "event"], ignore_index=True)
    rows = pd.DataFrame({"itemid": np.repeat(events["itemid"].unique(), 3)})
    return Log(events, rows, Rules(min_item_support=1), 7, 600, 1)


def hit_rates(log: Log, case: Case) -> dict[str, float]:
    return {name: case.rank(model).metrics()["hit_rate@20"] for name, model in case.train_models().items()}


@pytest.fixture(scope="module")
def honest(log) -> tuple[Case, dict[str, float]]:
    case = log.split(log.make_sequences())
    return case, hit_rates(log, case)


def test_the_honest_case_is_split_by_time_and_bounded(log, honest):
    case, _ = honest
    assert 0 < len(case.clicks) <= 600
    assert case.train.seconds.max() < case.clicks.prefixes.seconds.min()


@pytest.mark.parametrize("mistake", [keep_repeats, join_categories, keep_histories])
def test_the_rule_that_learns_nothing_gains_from_repeats(log, honest, mistake):
    assert hit_rates(log, mistake(log))[RULE] > honest[1][RULE] + 0.1


def test_a_doubled_click_is_followed_by_itself(log):
    clicks = join_categories(log).clicks
    last = clicks.prefixes.items[clicks.prefixes.offsets[1:] - 1]
    assert (clicks.targets == last).mean() > 0.5
    alone = Log(log.events, log.category_rows.head(0), log.rules, 7, 600, 1)
    assert hit_rates(log, join_categories(alone)) == hit_rates(log, log.split(log.make_sequences()))


def test_a_random_split_lets_training_reach_beyond_the_test(log):
    case = split_randomly(log)
    assert case.train.seconds.max() > case.clicks.prefixes.seconds.min()


def test_scored_on_its_training_sequences_a_model_knows_the_answers():
    drawn = np.random.default_rng(0).integers(0, 300, (400, 4)).tolist()
    train, test = make_sessions(*drawn[:300]), next_clicks(make_sessions(*drawn[300:]))
    case = Case(train, test, 300, 1)
    model = stan().fit(train, 300)
    claimed, true = score_on_training(case, model).metrics(), case.rank(model).metrics()
    assert claimed["hit_rate@5"] > 0.7 > 0.2 > true["hit_rate@5"]
    asked = ask_training(case).clicks
    assert len(asked) == len(test)
    pairs = set(zip(train.items[:-1], train.items[1:], strict=True))
    last = asked.prefixes.items[asked.prefixes.offsets[1:] - 1]
    assert set(zip(last, asked.targets, strict=True)) <= pairs


def test_among_few_items_the_right_one_stands_higher():
    case = Case(make_sessions([0, 1]), next_clicks(make_sessions(*[[0, item] for item in range(1, 500)])), 1000, 1)
    model = Fixed(-np.arange(1000))
    true, sampled = case.rank(model), sample_negatives(case, model)
    assert (sampled.ranks <= true.ranks).mean() > 0.99
    # A target in place k of 1,000 has about k / 10 of 100 drawn items before it.
    assert np.corrcoef(true.ranks, sampled.ranks)[0, 1] > 0.95
    assert sampled.ranks.max() < 90
    # Where all others are drawn and the target is none of them, nothing is gained but by drawing one twice.
    tiny = Case(make_sessions([0, 1]), next_clicks(make_sessions([0, 1])), 2, 1)
    assert sample_negatives(tiny, Fixed([2.0, 1.0])).ranks.tolist() == [2]


def test_ties_in_its_favour_give_a_silent_model_every_hit():
    case = Case(make_sessions([0, 1]), next_clicks(make_sessions([0, 1], [5, 6])), 100, 1)
    model = SeenItems().fit(make_sessions([0, 1]), 100)
    assert case.rank(model).metrics()["hit_rate@20"] == 0
    assert favour_ties(case, model).metrics()["hit_rate@20"] == 1
    strict = Fixed(np.arange(100))
    assert (favour_ties(case, strict).ranks == case.rank(strict).ranks).all()


def test_all_mistakes_stand_beside_the_honest_test(log, honest, tmp_path):
    case, rates = honest
    trained = {"popularity": Popularity().fit(case.train, case.item_count)}
    claims = collect_claims(log, trained)
    assert len(claims) == 3 + 2 * 6
    frame = claims_frame(claims, seed=1).set_index(["mistake", "model"])
    assert (frame.xs(RULE, level="model")["honest"] == rates[RULE]).all()
    assert frame.loc[("repeats in a row kept", RULE), "claimed"] > rates[RULE]
    assert frame.loc[("ties in the model's favour", RULE), "claimed"] > 0.9
    assert frame.loc[("scored on training sequences", LEARNER), "claimed"] > rates[LEARNER]
    finding = describe_claims(claims, "")
    assert finding.figure is not None
    assert "of the 15 flawed figures claim more" in finding.reading
    for changed in ("events doubled by a join", "whole histories, all events", "ties in the model's favour"):
        own = [claim for claim in claims if claim.mistake == changed and claim.model == RULE]
        kind = "is the same model." if "ties" in changed else "is the same kind of model, trained on other sequences."
        assert describe_claims(own, "").reading.endswith(kind)
    assert claims_table(claims, 1, "").data.count("<tr>") == 16
    rungs = climb(log)
    assert rungs[0].step == "the honest test"
    assert len(rungs) == 6
    steps = rungs_frame(rungs)
    assert steps[f"{RULE}, hit rate@20"].iloc[-2] > rates[RULE] + 0.3
    assert steps[f"{LEARNER}, hit rate@20"].iloc[-1] > rates[LEARNER]
    assert describe_ladder(rungs, "").figure is not None
    results = Results("07_gru4rec_tuning", Workspace(tmp_path))
    record_audit(results, claims, rungs, 1)
    assert len(results.scores) == 2 * 15 + 2 * 6 * 2
    assert {score["task"] for score in results.scores} == {"recommendation audit"}


def test_a_shop_without_categories_or_without_a_test_is_no_error(log):
    bare = Log(log.events, log.category_rows.head(0), log.rules, 7, 100, 1)
    assert not any("join" in claim.mistake for claim in collect_claims(bare, {}))
    assert len(climb(bare)) == 5
    empty = Log(log.events.head(1), log.category_rows, log.rules, 7, 100, 1)
    assert collect_claims(empty, {}) == []
    assert climb(empty) == []
    assert describe_claims([], "").figure is None
    assert "asks nothing" in claims_table([], 1, "").data
    assert describe_ladder([], "").figure is None
    assert describe_claims([], "Too few.").reading == "Too few."


def test_trained_on_clicks_dealt_out_anew_no_model_knows_more_than_popularity():
    train, asked = walk(600, 300), next_clicks(walk(120, 300, seed=9))
    shuffled = shuffle_clicks(train, 1)
    popularity = evaluate(Popularity().fit(shuffled, 300), asked, 300)
    assert shuffle_gate(evaluate(stan().fit(shuffled, 300), asked, 300), popularity, 1).passed
    assert not shuffle_gate(evaluate(stan().fit(train, 300), asked, 300), popularity, 1).passed
