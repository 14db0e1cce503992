"""Processes that train together end with the model of one."""

from dataclasses import replace

import pytest
import torch

from smartrocket.distributed import train_together
from smartrocket.gru4rec import GRU4Rec, Settings
from smartrocket.ranking import evaluate, next_clicks
from test_gru4rec import walks

SETTINGS = Settings(
    units=16, epochs=4, batch_clicks=64, negatives=24, learning_rate=0.1, momentum=0.3, embedding_dropout=0.0
)


@pytest.fixture(autouse=True)
def one_thread():
    """Leave the processor to the processes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_without_dropout_two_processes_learn_what_one_does():
    # A batch may hold a single session, which both processes then read.
    settings, data = replace(SETTINGS, loss="bpr-max", tied=False, batch_clicks=16), walks(120)
    alone, together = GRU4Rec(settings, 1).fit(data, 30), train_together(settings, 1, data, 30)
    assert together.losses == pytest.approx(alone.losses, rel=1e-3)
    assert together.parameters.keys() == alone.parameters.keys()
    for name, parameter in alone.parameters.items():
        # Sums of another order let small weights drift apart.
        pair = (together.parameters[name].weight.flatten(), parameter.weight.flatten())
        assert torch.nn.functional.cosine_similarity(*pair, dim=0) > 0.999, name


@pytest.mark.nightly
def test_with_dropout_two_processes_reach_the_quality_of_one():
    settings = replace(SETTINGS, embedding_dropout=0.1, hidden_dropout=0.1, epochs=8)
    data, asked = walks(300), next_clicks(walks(200, seed=9))
    models = {
        "alone": GRU4Rec(settings, 1).fit(data, 30),
        "together": train_together(settings, 1, data, 30),
        "untrained": GRU4Rec(replace(settings, epochs=1, learning_rate=1e-9), 1).fit(data, 30),
    }
    rank = {name: evaluate(model, asked, 30).gains("mrr@20").mean() for name, model in models.items()}
    assert rank["together"] == pytest.approx(rank["alone"], abs=0.03)
    assert rank["together"] > rank["untrained"] + 0.3
