"""Long numbers of items and categories stay what they are, and those that stand for none are nobody's."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from smartrocket import drift_series, item_map
from smartrocket.cold_start import find_paths
from smartrocket.forecast_audit import take_any_row
from smartrocket.forecast_tables import categories_at
from smartrocket.identifiers import LARGEST, NO_CATEGORY, name_newcomers
from smartrocket.workspace import Workspace

LONG = 2**53
"""From here on not every whole number is a float."""
MOMENT = pd.Timestamp("2024-01-01")


@given(st.lists(st.one_of(st.integers(-LARGEST, LARGEST), st.integers(-5, 5), st.just(NO_CATEGORY)), unique=True))
def test_the_items_yet_to_come_of_each_category_have_a_number_that_no_item_has(categories):
    names = [int(name) for name in name_newcomers(np.array(categories, dtype=np.int64))]
    assert len(set(names)) == len(categories)
    assert all(abs(name) > LARGEST for name in names)


def make_history(*categories: int) -> pd.DataFrame:
    """Put item 1 in the first category, item 2 in the second, and so on."""
    items = range(1, len(categories) + 1)
    return pd.DataFrame({"itemid": items, "categoryid": categories, "valid_from": MOMENT})


def test_long_numbers_of_categories_do_not_run_into_each_other():
    categories = [LONG, LONG + 1, LARGEST, -LARGEST]
    history, items = make_history(*categories), np.arange(1, 6)
    placed = categories_at(history, items, [MOMENT]).set_index("itemid")["categoryid"]
    assert placed.loc[items].tolist() == [*categories, NO_CATEGORY]
    tree = pd.DataFrame({"categoryid": categories, "level": 0, "root": categories, "path": list(map(str, categories))})
    assert item_map.top_categories(items, history, tree).tolist() == [*categories, NO_CATEGORY]
    assert find_paths(items, history, tree, MOMENT).tolist() == [*map(str, categories), ""]
    assert find_paths(items, history, tree.head(0), MOMENT).tolist() == [*map(str, categories), ""]
    assert take_any_row(history, "categoryid", 0).loc[[1, 2, 3, 4]].tolist() == categories


def test_the_main_categories_of_visits_are_those_of_the_tree():
    categories = [LONG, LONG + 1, LARGEST]
    tree = pd.DataFrame({"categoryid": categories, "root": categories})
    visits = pd.DataFrame({"itemid": [1, 2, 3, 4], "week": MOMENT, "moment": MOMENT, "unseen_days": 0.0})
    prices = pd.DataFrame({"itemid": [], "price": [], "valid_from": []})
    listed = drift_series.list_catalogue(visits, make_history(*categories), prices, tree)
    assert listed[0].values["value"].tolist() == [*map(str, categories), "<NA>"]


def test_whole_numbers_with_gaps_are_read_as_they_are(tmp_path):
    workspace = Workspace(tmp_path)
    frame = pd.DataFrame({"own": [1, 2], "parent": pd.array([LONG + 1, None], dtype="Int64"), "share": [0.5, None]})
    frame.to_parquet(workspace.path("tree.parquet"))
    found = workspace.read("tree.parquet")
    pd.testing.assert_frame_equal(found, frame)
    assert workspace.read("tree.parquet", ["share"]).columns.tolist() == ["share"]
