import numpy as np
import pandas as pd
import pytest

from shops import FIRST_DAY, make_events
from smartrocket.cold_start import (
    CATEGORY,
    FIRST,
    LATER,
    ONE_CLICK,
    POPULARITY,
    Fallback,
    count_shared,
    describe_cold_start,
    find_paths,
    find_unseen,
    join,
    measure_first_click,
    measure_unseen,
    record_cold_start,
)
from smartrocket.protocols import Rules
from smartrocket.ranking import evaluate, next_clicks
from smartrocket.results import Results
from smartrocket.workspace import Workspace
from visits import Fixed, make_sessions

CATEGORIES = pd.DataFrame({"categoryid": [1, 10, 11, 2], "path": ["1", "1/10", "1/11", "2"]})


def history(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["itemid", "categoryid", "valid_from"])
    return frame.assign(valid_from=pd.to_datetime(frame["valid_from"]))


def test_levels_are_shared_from_the_root_down():
    assert count_shared(["1", "10"], ["1", "11"]) == 1
    assert count_shared(["1", "10"], ["1", "10", "5"]) == 2
    assert count_shared(["2", "10"], ["1", "10"]) == 0
    assert count_shared([], ["1"]) == 0


def test_the_own_category_comes_first_then_wider_ones_then_popularity():
    paths = np.array(["1/11", "1/10", "2", "1/10", ""], dtype=object)
    fallback = Fallback(np.array([9, 1, 50, 4, 20]), paths)
    assert fallback.list_items("1/10").tolist() == [3, 1, 0, 2, 4]
    assert fallback.list_items("1").tolist() == [0, 3, 1, 2, 4]
    assert fallback.list_items("").tolist() == [2, 4, 0, 3, 1]
    assert fallback.list_items("77", length=2).tolist() == [2, 4]


def test_a_category_is_the_one_of_the_moment():
    rows = history([(1, 10, "2015-01-01"), (1, 11, "2015-03-01"), (2, 2, "2015-05-01"), (3, 99, "2015-01-01")])
    found = find_paths(np.array([1, 2, 3, 4]), rows, CATEGORIES, pd.Timestamp("2015-02-01"))
    # Item 2 has no category yet, whatever it gets later; 99 is not in the tree; item 4 has none.
    assert found.tolist() == ["1/10", "", "99", ""]
    later = find_paths(np.array([1]), rows, CATEGORIES, pd.Timestamp("2015-04-01"))
    assert later.tolist() == ["1/11"]
    moments = np.array(["2015-05-02", "2015-04-30", "2015-03-01"], dtype="datetime64[ns]")
    assert find_paths(np.array([2, 2, 1]), rows, CATEGORIES, moments).tolist() == ["2", "", "1/11"]
    assert find_paths(np.array([1]), rows.head(0), CATEGORIES.head(0), pd.Timestamp("2015-02-01")).tolist() == [""]


def test_unseen_clicks_are_those_that_lead_to_a_known_item():
    events = make_events(
        [
            # Before the start.
            (0, 1, "view", 500),
            (1, 1, "view", 10),
            # A visitor who sees an unseen item first, then a known one, then another unseen and a known one.
            (2000, 2, "view", 500),
            (2001, 2, "view", 10),
            (2002, 2, "view", 501),
            (2003, 2, "view", 20),
            # From an unseen item to an unseen one.
            (2010, 3, "view", 500),
            (2011, 3, "view", 501),
        ]
    )
    item_ids = np.array([10, 20])
    unseen = find_unseen(events, Rules(), item_ids, FIRST_DAY + pd.Timedelta(minutes=1000))
    assert unseen.items.tolist() == [500, 501]
    assert (pd.DatetimeIndex(unseen.moments) == FIRST_DAY + pd.to_timedelta([2000, 2002], unit="min")).all()
    assert item_ids[unseen.targets].tolist() == [10, 20]
    assert unseen.known.lengths.tolist() == [0, 1]
    assert item_ids[unseen.known.items].tolist() == [10]
    nobody = find_unseen(events, Rules(), item_ids, FIRST_DAY + pd.Timedelta(days=9))
    assert len(nobody.items) == 0
    assert len(nobody.known) == 0


@pytest.fixture
def measured():
    """Twelve visitors go from an unseen item of category 2 to item 40; then from another one to item 41."""
    rows = []
    for visitor in range(12):
        rows += [(100 * visitor + place, visitor, "view", item) for place, item in enumerate((500, 40, 501, 41))]
    events = make_events(rows)
    item_ids = np.arange(42)
    unseen = find_unseen(events, Rules(), item_ids, FIRST_DAY)
    paths = np.where(item_ids >= 40, "2", "1/10").astype(object)
    fallback = Fallback(np.arange(42)[::-1], paths)
    return measure_unseen(unseen, fallback, np.where(unseen.items == 500, "2", "1/10"), Fixed(np.arange(42)), seed=1)


def test_the_category_helps_where_popularity_does_not(measured):
    rates = measured.set_index(["situation", "model"])["hit_rate"]
    assert rates[FIRST, POPULARITY] == 0
    assert rates[FIRST, CATEGORY] == 1
    assert rates[LATER, CATEGORY] == 0
    assert rates[LATER, "GRU4Rec on the known items"] == 1
    assert measured["clicks"].tolist() == [12] * 5
    assert measured["sessions"].tolist() == [12] * 5


def test_what_was_measured_is_told_and_kept(measured, tmp_path):
    asked = next_clicks(make_sessions(*[[item, item + 1, 3] for item in range(15)]))
    rankings = {"popularity": evaluate(Fixed(np.arange(42)), asked, 42)}
    first = measure_first_click(rankings, seed=1)
    assert first["clicks"].tolist() == [15]
    assert first["situation"].tolist() == [ONE_CLICK]
    frame = join(first, measured)
    finding = describe_cold_start(frame, "")
    assert finding.figure is not None
    assert "Unseen item, nothing else known (12 cases): category, then popularity" in finding.reading
    assert "popularity in 0.0 %" in finding.reading
    assert describe_cold_start(frame, "Too few.").reading == "Too few."
    assert "too few visits" in describe_cold_start(measured.assign(sessions=9), "").reading
    results = Results("07_gru4rec_tuning", Workspace(tmp_path))
    record_cold_start(results, frame, "Too few.")
    assert not results.scores
    record_cold_start(results, frame, "")
    assert len(results.scores) == 6
    assert join(measured.head(0), measured.head(0)).empty
