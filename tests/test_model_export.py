import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from smartrocket.cold_start import Fallback
from smartrocket.confidence import Calibration
from smartrocket.errors import InputError
from smartrocket.gru4rec import GRU4Rec, Parameter, Settings
from smartrocket.model_export import (
    BrowserNetwork,
    describe_rounding,
    find_neighbours,
    measure_rounding,
    quantise,
    read_network,
    read_weights,
    record_rounding,
    round_tables,
    rounding_frame,
    suggestions_frame,
    write_explorer,
)
from smartrocket.ranking import Sessions, next_clicks, top_items
from smartrocket.results import Results
from smartrocket.workspace import Workspace
from visits import make_sessions, walk

ITEMS = 200
IDS = np.arange(ITEMS) * 3 + 7
CALIBRATION = Calibration(0.7, 0.9, -0.2)


def train(tied: bool = True) -> GRU4Rec:
    settings = Settings(
        units=24, epochs=4, batch_clicks=64, negatives=64, learning_rate=0.1, embedding_dropout=0.1, tied=tied,
        longest_session=5,
    )  # fmt: skip
    return GRU4Rec(settings, seed=1).fit(walk(500, ITEMS), ITEMS)


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "separate"])
def model(request) -> GRU4Rec:
    return train(request.param)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "explorer"
    paths = np.array(["1/10", "2"] * (ITEMS // 2), dtype=object)
    fallback = Fallback(np.arange(ITEMS), paths)
    write_explorer(path, model, IDS, CALIBRATION, walk(500, ITEMS), walk(250, ITEMS, seed=3), fallback, seed=1)
    return path


def lists_of(sessions: Sessions) -> list[np.ndarray]:
    return np.split(sessions.items, sessions.offsets[1:-1])


def test_in_full_precision_the_steps_give_pytorchs_lists(model):
    network = BrowserNetwork(read_weights(model), IDS, 5, model.repeats, CALIBRATION)
    sessions = walk(60, ITEMS, seed=9)
    scores = model.score(sessions)
    for session, own, listed in zip(lists_of(sessions), scores, top_items(scores), strict=True):
        assert network.score_items(session) == pytest.approx(own, abs=1e-5)
        found = network.list_items(session)
        assert len(set(found)) == len(listed)
        # Only items whose scores the rounding of their sums could swap may stand in another order.
        assert own[found] == pytest.approx(own[listed], abs=1e-5)


def test_a_step_is_the_formula_of_the_description():
    generator = np.random.default_rng(0)
    shapes = {"items": (4, 2), "bias": 4, "input_gates": (6, 2), "state_gates": (6, 2)}
    shapes |= {"input_gates_bias": 6, "state_gates_bias": 6}
    weights = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    network = BrowserNetwork(weights, np.arange(4), 50, True, Calibration())
    gru = torch.nn.GRUCell(2, 2)
    names = {"weight_ih": "input_gates", "weight_hh": "state_gates"}
    names |= {"bias_ih": "input_gates_bias", "bias_hh": "state_gates_bias"}
    gru.load_state_dict({theirs: torch.from_numpy(weights[ours]) for theirs, ours in names.items()})
    state = np.array([0.3, -0.8], dtype=np.float32)
    with torch.no_grad():
        expected = gru(torch.from_numpy(weights["items"][[2]]), torch.from_numpy(state[None]))[0].numpy()
    assert network.step(state, 2) == pytest.approx(expected, abs=1e-6)


def test_the_exported_file_gives_nearly_the_same_lists(model, folder):
    network = read_network(folder)
    assert (network.item_ids == IDS).all()
    assert network.calibration == CALIBRATION
    sessions = walk(200, ITEMS, seed=11)
    scores = model.score(sessions)
    overlaps = [
        len(np.intersect1d(network.list_items(session), listed)) / 20
        for session, listed in zip(lists_of(sessions), top_items(scores), strict=True)
    ]
    assert np.mean(overlaps) >= 0.95
    rounded = round_tables(model).score(sessions)
    for session, own in zip(lists_of(sessions), rounded, strict=True):
        assert network.score_items(session) == pytest.approx(own, abs=1e-5)


def test_the_confidence_is_that_of_the_calibration(model, folder):
    network = read_network(folder)
    session = walk(1, ITEMS, seed=4).items
    items = network.list_items(session)
    said = network.confide(session, items)
    expected = CALIBRATION.probabilities(network.score_items(session)[None], items[None])[0]
    assert said == pytest.approx(expected)
    assert (np.diff(said) <= 0).all()


def test_a_page_shows_items_with_their_confidence(folder):
    network = read_network(folder)
    session = walk(1, ITEMS, seed=4).items
    listed = network.list_items(session, 3)
    frame = suggestions_frame(network, session, int(listed[1]), length=3)
    assert frame["item"].tolist() == [str(IDS[listed[0]]), f"{IDS[listed[1]]} ✓", str(IDS[listed[2]])]
    assert frame["confidence"].tolist() == pytest.approx(network.confide(session, listed))


def test_the_description_says_where_every_array_lies(folder):
    description = json.loads((folder / "network.json").read_text())
    content = (folder / "network.bin").read_bytes()
    ends = []
    for place in description["arrays"].values():
        size = {"int8": 1, "float32": 4}[place["type"]]
        assert place["length"] == size * np.prod(place["shape"])
        assert place["offset"] % 4 == 0
        ends.append(place["offset"] + place["length"])
    assert max(ends) == len(content)
    table = description["arrays"]["items"]
    rows = np.frombuffer(content, np.int8, table["length"], table["offset"]).reshape(table["shape"])
    assert np.abs(rows).max() == 127
    assert len(description["item_ids"]) == description["items"] == ITEMS


def test_sessions_and_expected_lists_fit_together(model, folder):
    kept = json.loads((folder / "sessions.json").read_text())
    assert len(kept["expected"]) == 200 <= len(kept["sessions"]) <= 300
    network = BrowserNetwork(read_weights(model), IDS, 5, model.repeats, CALIBRATION)
    for session, listed in list(zip(kept["sessions"], kept["expected"], strict=False))[:40]:
        assert network.list_items(np.array(session[:-1])).tolist() == listed


def test_fallback_lists_are_kept_by_path(folder):
    kept = json.loads((folder / "fallback.json").read_text())
    assert kept["popular"][0] == ITEMS - 1
    assert set(kept["categories"]) == {"1/10", "2"}
    assert all(item % 2 for item in kept["categories"]["2"])
    assert len(kept["categories"]["2"]) == 20


def test_neighbours_are_the_nearest_others(folder):
    kept = pd.read_parquet(folder / "neighbours.parquet")
    assert set(kept["kind"]) == {"viewed together", "viewed next", "alike"}
    assert (kept["itemid"] != kept["neighbourid"]).all()
    assert (
        kept.groupby(["itemid", "kind"])["place"].agg(["min", "count", "max"]).eval("min == 1 and count == max").all()
    )
    assert (kept.sort_values("place").groupby(["itemid", "kind"])["weight"].diff().dropna() <= 1e-6).all()
    sequence = find_neighbours(make_sessions(*[[0, 1], [1, 2]] * 3), np.eye(3), np.array([5, 6, 7]))
    following = sequence[sequence["kind"] == "viewed next"]
    assert following[["itemid", "neighbourid"]].to_numpy().tolist() == [[5, 6], [6, 7]]


tables = arrays.arrays(np.float32, (4, 3), elements=st.floats(-5, 5, width=32))


@given(tables)
def test_rounding_is_never_off_by_more_than_half_a_step(table):
    whole, scales = quantise(table)
    assert whole.dtype == np.int8
    assert (np.abs(whole * scales[:, None] - table) <= scales[:, None] / 2 + 1e-6).all()


def test_what_the_rounding_costs_is_measured(model, tmp_path):
    rounding = measure_rounding(model, next_clicks(walk(60, ITEMS, seed=9)), 5000, seed=1)
    assert rounding.overlap >= 0.95
    assert abs(rounding.rounded - rounding.whole) < 0.03
    assert "the items in a list of 20 are the same" in describe_rounding(rounding, "")
    assert len(rounding_frame(rounding)) == 2
    assert describe_rounding(None, "Too few.") == "Too few."
    assert measure_rounding(model, next_clicks(make_sessions([3])), 5000, seed=1) is None
    results = Results("07_gru4rec_tuning", Workspace(tmp_path))
    record_rounding(results, rounding)
    record_rounding(results, None)
    assert results.facts["browser_overlap"]["value"] is None


def test_a_network_that_the_format_does_not_describe_is_refused():
    model = train()
    model.parameters["attention"] = Parameter(torch.zeros(2))
    with pytest.raises(InputError, match="attention"):
        read_weights(model)


def test_an_empty_network_can_be_exported(tmp_path):
    nothing = make_sessions()
    model = GRU4Rec(Settings(units=4), seed=1).fit(nothing, 0)
    fallback = Fallback(np.array([], dtype=int), np.array([], dtype=object))
    write_explorer(tmp_path / "x", model, np.array([], dtype=int), Calibration(), nothing, nothing, fallback, seed=1)
    assert json.loads((tmp_path / "x" / "sessions.json").read_text()) == {"expected": [], "sessions": []}
