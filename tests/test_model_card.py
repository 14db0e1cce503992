"""The model card: what it says is what was kept."""

import lightgbm as lgb
import numpy as np

from forecast_shop import RIVAL, grow
from smartrocket import forecasting, model_card
from smartrocket.demand_baselines import BASELINES
from smartrocket.workspace import Workspace


def make_card(shop) -> dict:
    learned = (shop.panel.frame["date"].min(), shop.split.learn_last)
    items = shop.score([*BASELINES, shop.final])["item"]
    files = ["models/forecast_final.txt"]
    parts = (shop.model, shop.panel, shop.chosen, shop.mix, files, "some days", items)
    return model_card.describe_model(shop.final, learned, *parts)


def test_the_card_names_data_parameters_scores_and_limits():
    shop = grow()
    card = make_card(shop)
    assert card["learned_from"]["item_days"] == shop.model.rows
    assert card["features"] == shop.panel.features
    assert card["parameters"]["trees"] == shop.model.trees
    assert card["mixed_with"]["baseline"] == shop.mix.partner
    assert card["scores"]["poisson_deviance"]["value"] > 0
    assert len(card["limits"]) >= 3
    text = model_card.write_card(card)
    for part in (f"{shop.model.rows:,} item-days", "sales_sum_7", "num_leaves 7", "Poisson deviance", "some days"):
        assert part in text
        assert part in model_card.show_card(card).data
    assert "No model" in model_card.show_card(None).data


def test_a_card_without_scores_says_so():
    shop = grow()
    card = make_card(shop) | {"scores": {name: dict.fromkeys(("value", "low", "high")) for name in model_card.SCORES}}
    assert "too few units" in model_card.write_card(card)
    assert RIVAL not in model_card.write_card(card)


def test_saved_models_forecast_the_same(tmp_path):
    shop, workspace = grow(), Workspace(tmp_path)
    days = [*shop.days_of[:2], None]
    names = model_card.save_models(workspace, "models/final", shop.model, days)
    assert names == ["models/final.txt", "models/final_day_1.txt", "models/final_day_2.txt"]
    rows = shop.panel.frame.head(200)
    kept = lgb.Booster(model_file=workspace.path(names[0]))
    expected = forecasting.predict(shop.model.booster, rows, shop.panel.features)
    assert np.array_equal(forecasting.predict(kept, rows, shop.panel.features), expected)
    assert model_card.save_models(workspace, "models/none", None, []) == []
