"""Each mistake of the audit is the mistake it says it is, and nothing else differs from the honest protocol."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shops import grow_shop
from smartrocket import forecast_audit as audit
from smartrocket import forecast_audit_figures as shown
from smartrocket import forecasting
from smartrocket.results import Results
from smartrocket.workspace import Workspace

FIRST = pd.Timestamp("2024-01-01")
NO_CATEGORIES = pd.DataFrame({"itemid": [], "categoryid": [], "valid_from": []})
NO_PRICES = pd.DataFrame({"itemid": [], "price": [], "valid_from": []})


def read(workspace: Workspace) -> tuple:
    """Return panel, split, histories of categories and prices of a build."""
    panel = forecasting.load_panel(workspace)
    histories = [workspace.read(f"interim/item_{name}.parquet") for name in ("categories", "prices")]
    return panel, forecasting.plan_split(panel, 4, 3), *histories


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> tuple:
    return read(grow_shop(tmp_path_factory.mktemp("shop"), visitors=12_000, items=400, price_changes=1.0))


@pytest.fixture(scope="module")
def case(shop) -> audit.Case:
    return audit.make_case(*shop, smallest=30, seed=1)


@pytest.fixture(scope="module")
def whole(shop) -> audit.Audit:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit, "TUNED_TREES", (100, 400, 1200))
        return audit.audit_forecasts(*shop, smallest=30, seed=1)


@pytest.fixture
def fits(monkeypatch) -> list[dict]:
    """Record what each model learns from: the positions of its rows, its target, features and settings."""
    recorded, fit = [], audit.fit

    def record(features, target, parameters, *others, **options):
        rows = features.index.to_numpy()
        recorded.append({"rows": rows, "target": target, "features": features, "parameters": parameters, **options})
        return fit(features, target, parameters, *others, **options)

    monkeypatch.setattr(audit, "fit", record)
    return recorded


def make_days(counts: dict[int, list[int]], **columns: object) -> pd.DataFrame:
    """Make item-days from daily sales; views are one more than sales on days with a sale."""
    parts = []
    for item, sales in counts.items():
        parts.append(pd.DataFrame({"itemid": item, "date": pd.date_range(FIRST, periods=len(sales)), "sales": sales}))
    days = pd.concat(parts, ignore_index=True)
    days["addtocarts"] = 0
    days["views"] = np.where(days["sales"] > 0, days["sales"] + 1, 0)
    days["first"] = days.groupby("itemid")["date"].transform(lambda dates: dates.index[0])
    days["active"] = days["views"] > 0
    return days.assign(**columns)


# ---------------------------------------------------------------- windows and means


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=12), min_size=1, max_size=4), st.integers(1, 15))
def test_windows_end_with_their_row_and_stay_within_the_item(items, rows):
    values = np.concatenate([np.array(item, dtype=float) for item in items])
    first = np.concatenate([np.full(len(item), sum(map(len, items[:at]))) for at, item in enumerate(items)])
    sums, lags = audit.add_up(values, first, rows), audit.step_back(values, first, rows)
    for place in range(len(values)):
        start = max(place - rows + 1, first[place])
        assert sums[place] == values[start : place + 1].sum()
        if place - rows >= first[place]:
            assert lags[place] == values[place - rows]
        else:
            assert np.isnan(lags[place])


def test_windows_over_activity_reach_back_beyond_their_days():
    days = make_days({1: [2, 0, 0, 0, 0, 0, 0, 0, 0, 1], 2: [0, 3, 0]})
    calendar = audit.window_features(days, days["first"].to_numpy())
    activity = audit.count_rows_of_activity(days)
    assert calendar["sales_sum_3"].tolist() == [2, 2, 2, 0, 0, 0, 0, 0, 0, 1, 0, 3, 3]
    assert activity["sales_sum_3"].tolist() == [2] * 9 + [3] + [0, 3, 3]
    assert activity["sales_lag_1"].iloc[9] == 2


def test_windows_that_reach_ahead_hold_the_next_day():
    days = make_days({1: [0, 0, 4, 0], 2: [5, 0, 0, 0]})
    features = audit.window_features(days, days["first"].to_numpy())
    ahead = audit.reach_ahead(days, features)
    assert set(ahead) == {name for name in features if "_sum_" in name}
    assert ahead["sales_sum_3"].tolist() == [0, 4, 4, 4, 5, 5, 0, 0]


def test_a_mean_of_the_whole_log_holds_the_future_and_a_mean_so_far_does_not():
    days = make_days({1: [0, 0, 6], 2: [0, 3, 0]})
    category, sales = pd.Series([7] * 6), days["sales"].astype(float)
    so_far = audit.category_features(days, category, sales)
    all_time = audit.category_features(days, category, sales, all_time=True)
    share = audit.SMOOTHING / (1 + audit.SMOOTHING)
    assert so_far["sales_smoothed"].iloc[0] == 0
    assert all_time["sales_smoothed"].iloc[0] == pytest.approx(share * 9 / 6)
    assert so_far["sales_smoothed"].iloc[2] == pytest.approx(1 + share * 9 / 6)
    assert so_far["category_sales_7"].tolist() == [0, 3, 6] * 2


def test_honest_features_know_nothing_of_later_days(case):
    days = case.days.copy()
    today = case.split.test_origins[0]
    later = days["date"] > today
    days.loc[later, ["sales", "views", "addtocarts", "price", "category"]] = 99
    before = ~later.to_numpy()
    pd.testing.assert_frame_equal(audit.make_features(days)[before], case.features[before])
    whole_log = [
        audit.category_features(frame, frame["category"], frame["sales"], all_time=True)[before]
        for frame in (days.assign(category=case.days["category"]), case.days)
    ]
    assert not whole_log[0].equals(whole_log[1])


def test_any_row_of_a_history_is_taken_whatever_its_time():
    history = pd.DataFrame(
        {"itemid": [1, 1, 2, 3], "price": [10.0, 20.0, 5.0, np.nan], "valid_from": [FIRST, FIRST, FIRST, FIRST]}
    )
    drawn = [audit.take_any_row(history, "price", seed).to_dict() for seed in range(20)]
    assert {row[1] for row in drawn} == {10.0, 20.0}
    assert all(row.keys() == {1, 2} and row[2] == 5.0 for row in drawn)


# ---------------------------------------------------------------- who learns from what


def dates(case: audit.Case, rows: np.ndarray) -> pd.Series:
    return case.days["date"].iloc[rows]


def test_the_honest_protocol_leaves_a_gap_before_everything_it_is_scored_on(shop, fits):
    made = audit.make_case(*shop, smallest=30, seed=1)
    early, final = fits
    split = made.split
    horizon = split.horizon * forecasting.DAY
    assert dates(made, early["rows"]).max() + horizon <= split.fold.check_first
    assert dates(made, early["check"][0].index.to_numpy()).max() + horizon <= split.test_origins[0]
    assert dates(made, final["rows"]).max() + horizon <= split.test_origins[0]
    assert set(made.days.loc[made.test, "date"]) == set(split.test_origins)
    assert made.days.loc[made.test, "target"].notna().all()


def test_what_is_sold_in_the_test_changes_no_honest_model(shop, case):
    panel, split, *histories = shop
    frame = panel.frame.copy()
    later = frame["date"] > split.test_origins[0]
    frame.loc[later, ["sales", "target", "views"]] = 3
    frame.loc[(frame["date"] > split.learn_last) & ~later, "target"] = 3
    changed = forecasting.Panel(frame, panel.features, panel.horizon)
    again = audit.make_case(changed, split, *histories, smallest=30, seed=1)
    assert again.model.booster.model_to_string() == case.model.booster.model_to_string()


def test_mistake_1_learns_from_the_rows_it_is_scored_on(case, fits):
    audit.score_rows_learned_from(case)
    audit.score_rows_known_by_heart(case)
    assert [set(np.flatnonzero(case.test)) <= set(fit["rows"]) for fit in fits] == [True, True, False]
    assert fits[0]["parameters"] == audit.SETTINGS
    assert fits[1]["parameters"] == fits[2]["parameters"] == audit.BY_HEART


def test_mistake_2_knows_no_row_without_a_sale(case, fits):
    claim = audit.drop_unsold(case)
    assert (fits[0]["target"] > 0).all()
    assert claim.claimed.wmape < claim.honest.wmape
    one = audit.always_predict_one(case)
    actual = case.target[case.test]
    assert one.claimed.wmape == pytest.approx((actual[actual > 0] - 1).sum() / actual.sum())
    assert one.honest.mae == pytest.approx(np.abs(actual - 1).mean())


def test_mistake_3_aims_at_one_day_where_it_has_a_row(case, fits):
    audit.aim_at_one_day(case)
    rows = fits[0]["rows"]
    days = case.days
    later = days["itemid"].to_numpy()[rows + case.split.horizon]
    assert (later == days["itemid"].to_numpy()[rows]).all()
    assert days["active"].to_numpy()[rows + case.split.horizon].all()
    np.testing.assert_array_equal(fits[0]["target"], days["sales"].to_numpy()[rows + case.split.horizon])


@pytest.mark.parametrize(
    ("make", "changed"),
    [
        (audit.widen_windows, ("_sum_", "_lag_")),
        (audit.let_windows_reach_ahead, ("_sum_",)),
        (audit.average_over_all_time, ("sales_smoothed",)),
        (audit.ignore_as_of, ("category_sales_7", "sales_smoothed", "price")),
        (audit.lose_price, ("price",)),
    ],
)
def test_a_mistake_in_the_features_changes_these_features_only(case, fits, make, changed):
    make(case)
    (fit,) = fits
    assert fit["parameters"] == audit.SETTINGS
    np.testing.assert_array_equal(fit["rows"], np.flatnonzero(case.learn))
    honest = case.features[case.learn]
    differing = {name for name in honest if not honest[name].equals(fit["features"][name])}
    assert differing
    assert all(any(part in name for part in changed) for name in differing)


def test_mistake_6_without_prices_is_none(shop, fits):
    panel, split, categories, _ = shop
    columns = [name for name in panel.features if name.startswith("price")]
    bare = forecasting.Panel(panel.frame.assign(**dict.fromkeys(columns, np.nan)), panel.features, panel.horizon)
    made = audit.make_case(bare, split, categories, NO_PRICES, smallest=30, seed=1)
    claim = audit.lose_price(made)
    assert claim.honest == audit.follow_protocol(made).honest
    assert "no prices" in claim.note


def test_mistake_7_folds_hold_items_apart_and_weeks_together(case, fits):
    items = case.days["itemid"].to_numpy()
    fold = audit.fold_items(items, 3)
    blocks = [set(items[fold == number]) for number in range(3)]
    assert not blocks[0] & blocks[1]
    assert max(blocks[0]) < min(blocks[1])
    assert max(blocks[1]) < min(blocks[2])
    audit.validate_across_items(case)
    for number, learned in enumerate(fits):
        assert not set(items[learned["rows"]]) & blocks[number]
        assert dates(case, learned["rows"]).max() == case.split.test_origins[-1]


def test_mistake_7_throws_the_best_trials_away():
    assert audit.throw_out_good_trials([0.5, 0.05, 0.2, 0.1], threshold=0.09) == 3
    assert audit.throw_out_good_trials([0.3], threshold=0.3) == 0


def test_mistake_7_loses_settings_by_their_names(case, fits):
    assert audit.keep_known_names({"leaves": 246, "num_leaves": 15}, ["num_leaves"]) == {"num_leaves": 15}
    claim = audit.lose_names(case)
    assert fits[0]["parameters"] == {"objective": "poisson"}
    assert "0 reach the model: its trees have 31 leaves instead of 15." in claim.note


def test_mistake_8_leaves_no_gap_and_stops_on_the_test(case, fits):
    audit.stop_on_test(case)
    (fit,) = fits
    assert dates(case, fit["rows"]).max() == case.split.test_origins[0] - forecasting.DAY
    np.testing.assert_array_equal(fit["check"][0].index.to_numpy(), np.flatnonzero(case.test))


# ---------------------------------------------------------------- what comes of it


def test_a_leak_claims_skill_on_pure_noise_where_the_honest_protocol_claims_none(tmp_path):
    noise = audit.make_case(*read(grow_shop(tmp_path, visitors=12_000, learnable=False)), smallest=30, seed=1)
    actual = noise.target[noise.test]
    constant = audit.measure(actual, np.full(len(actual), actual.mean())).poisson_deviance
    assert audit.follow_protocol(noise).claimed.poisson_deviance > 0.99 * constant
    for make, share in ((audit.score_rows_known_by_heart, 0.9), (audit.let_windows_reach_ahead, 1.0)):
        claim = make(noise)
        assert claim.claimed.poisson_deviance < share * constant
        assert claim.honest.poisson_deviance > 0.99 * constant


def test_the_ladder_ends_near_zero_and_its_model_is_worth_nothing(whole):
    ladder = whole.ladder
    claimed = [rung.wmape for rung in ladder.rungs]
    assert claimed[1] < claimed[0] / 2
    assert claimed[-3] > claimed[-2] > claimed[-1]
    assert claimed[-1] < 0.05
    assert ladder.worth.wmape > 2
    assert ladder.always_one < ladder.baseline


def test_a_shop_with_few_sales_is_not_audited(shop, tmp_path):
    panel, split, *histories = shop
    nothing = forecasting.Panel(panel.frame.assign(sales=0, target=panel.frame["target"] * 0), panel.features, 7)
    for empty in (
        audit.audit_forecasts(panel, None, *histories, smallest=30, seed=1),
        audit.audit_forecasts(panel, split, *histories, smallest=10**6, seed=1),
        audit.audit_forecasts(nothing, split, *histories, smallest=1, seed=1),
    ):
        assert not empty.claims
        assert "too few sales" in shown.show_claims(empty).reading
        assert "too few sales" in shown.show_ladder(empty).reading
        assert "too few sales" in shown.claims_table(empty).data
    results = Results("05_forecast_tuning", Workspace(tmp_path))
    audit.record_audit(results, empty)
    results.write()
    written = json.loads((tmp_path / "results/05_forecast_tuning.json").read_text())
    assert written["facts"]["audit_claim"]["value"] is None
    assert not written["scores"]


def test_a_shop_without_properties_is_audited_and_twice_alike(shop, monkeypatch):
    panel, split, *_ = shop
    for name, few in (("TUNED_TREES", (2, 5, 10)), ("EARLIER_TREES", 20), ("BY_HEART_TREES", 2), ("TREES", 20)):
        monkeypatch.setattr(audit, name, few)
    found, again = (
        audit.audit_forecasts(panel, split, NO_CATEGORIES, NO_PRICES, smallest=30, seed=1) for _ in range(2)
    )
    assert len(found.claims) == len(audit.MISTAKES)
    assert found == again


def test_of_a_large_shop_some_items_are_looked_at(shop, monkeypatch):
    panel, split, *histories = shop
    monkeypatch.setattr(audit, "MOST_ITEM_DAYS", len(panel.frame) // 3)
    days = audit.list_item_days(panel, split, *histories, seed=1)
    assert 0.25 * len(panel.frame) < len(days) < 0.5 * len(panel.frame)
    counted = days.groupby("itemid").size()
    assert counted.index.max() > np.quantile(panel.frame["itemid"].unique(), 0.9)
    assert (counted == panel.frame.groupby("itemid").size()[counted.index]).all()


def test_every_claim_is_recorded_and_shown(whole, tmp_path):
    results = Results("05_forecast_tuning", Workspace(tmp_path))
    audit.record_audit(results, whole)
    recorded = {(score["model"], score["level"], score["metric"]) for score in results.scores}
    assert len(recorded) == len(results.scores) == len(audit.MISTAKES) * 2 * 3
    assert {score["task"] for score in results.scores} == {"forecast audit"}
    finding, table = shown.show_claims(whole), shown.claims_table(whole)
    for claim in whole.claims:
        assert claim.title in table.data
        assert claim is whole.claims[0] or f"**{claim.title}.**" in finding.reading
    assert "0.94 %" in shown.show_ladder(whole).reading


def test_sentences_follow_the_numbers():
    worth = audit.Measures(1.0, 1.0, 1.0)
    honest = audit.Claim("Honest protocol", worth, worth)

    def say(claimed: float, of: float) -> str:
        claim = audit.Claim("x", replace(worth, poisson_deviance=claimed), replace(worth, poisson_deviance=of))
        return shown.describe_claim(claim, honest)

    assert say(0.5, 1.0) == "**x.** Claims 0.500, 50.0 % below the 1.000 that the model is worth."
    assert "20.0 % above" in say(1.2, 1.0)
    assert "does not flatter" in say(1.2, 1.0)
    assert "about the same as" in say(1.001, 1.0)
    assert say(1.1, 1.1) == "**x.** The score, 1.100, is true, and 10.0 % above that of the honest protocol."
    rungs = [audit.Rung("a", 1.7, 100), audit.Rung("b", 0.02, 50)]
    text = shown.describe_ladder(audit.Ladder(rungs, 0.2, 0.3, worth))
    assert "above the 0.94 %" in text
    assert "no less than that" in text
    text = shown.describe_ladder(audit.Ladder([rungs[0], audit.Rung("b", 0.002, 50)], 0.3, 0.2, worth))
    assert "below the 0.94 %" in text
    assert "which beats it without any model" in text
