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


@pytest.mark.parametrize("changes", [{}, {"loss": "bpr-max", "tied": False, "batch_clicks": 7}])
def test_without_dropout_two_processes_learn_what_one_does(changes):
    settings, data = replace(SETTINGS, **changes), walks(150)
    alone, together = GRU4Rec(settings, 1).fit(data, 30), train_together(settings, 1, data, 30)
    assert together.losses == pytest.approx(alone.losses, rel=1e-3)
    assert alone.parameters.keys() == together.parameters.keys()
    for name, parameter in alone.parameters.items():
        torch.testing.assert_close(together.parameters[name].weight, parameter.weight, rtol=0.02, atol=0.002, msg=name)


def test_with_dropout_two_processes_reach_the_quality_of_one():
    settings = replace(SETTINGS, embedding_dropout=0.1, hidden_dropout=0.1, epochs=8)
    data, asked = walks(400), next_clicks(walks(200, seed=9))
    alone = evaluate(GRU4Rec(settings, 1).fit(data, 30), asked, 30)
    together = evaluate(train_together(settings, 1, data, 30), asked, 30)
    random = evaluate(GRU4Rec(replace(settings, epochs=1, learning_rate=1e-9), 1).fit(data, 30), asked, 30)
    assert together.reciprocal_rank() == pytest.approx(alone.reciprocal_rank(), abs=0.03)
    assert together.reciprocal_rank() > random.reciprocal_rank() + 0.3
