import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from smartrocket.errors import InputError
from smartrocket.gru4rec import (
    GRU4Rec,
    NegativeSampler,
    Settings,
    batch_sessions,
    bpr_max,
    cut_sessions,
    inputs_and_targets,
    number_rows,
    sampled_cross_entropy,
)
from smartrocket.neighbours import Popularity
from smartrocket.ranking import Sessions, evaluate, next_clicks

SMALL = Settings(units=16, epochs=3, batch_clicks=64, negatives=24, learning_rate=0.1, embedding_dropout=0.1)


def sessions(lists: list[list[int]]) -> Sessions:
    items = np.array([item for session in lists for item in session], dtype=np.int64)
    offsets = np.r_[0, np.cumsum([len(session) for session in lists])].astype(np.int64)
    return Sessions(items, np.arange(len(items), dtype=float), offsets)


def walks(count: int, item_count: int = 30, seed: int = 0) -> Sessions:
    """Sessions that mostly step to the next item of a ring: easy to learn, impossible by popularity."""
    generator = np.random.default_rng(seed)
    lists = []
    for _ in range(count):
        steps = np.where(generator.random(generator.integers(2, 7)) < 0.9, 1, 7)
        lists.append(((generator.integers(item_count) + np.cumsum(steps)) % item_count).tolist())
    return sessions([session for session in lists if len(session) > 1])


def transitions(data: Sessions) -> list[tuple[int, int]]:
    owners = data.owners
    inside = owners[1:] == owners[:-1]
    return sorted(zip(data.items[:-1][inside].tolist(), data.items[1:][inside].tolist(), strict=True))


lists_strategy = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=12), min_size=1, max_size=8)


@given(lists_strategy, st.integers(1, 5))
def test_cutting_long_sessions_loses_no_transition(lists, longest):
    cut = cut_sessions(sessions(lists), longest)
    assert transitions(cut) == transitions(sessions(lists))
    assert ((cut.lengths >= 2) & (cut.lengths <= longest + 1)).all()


@given(lists_strategy, st.integers(1, 20), st.integers(0, 3))
def test_an_epoch_trains_on_every_transition_once(lists, clicks, seed):
    data = cut_sessions(sessions(lists), 50)
    batches = batch_sessions(data.lengths, clicks, np.random.default_rng(seed), nearby=3)
    assert sorted(np.concatenate(batches).tolist() if batches else []) == list(range(len(data)))
    pairs = []
    for batch in batches:
        inputs, targets, inside = inputs_and_targets(data.take(batch))
        pairs += zip(inputs.reshape(inside.shape)[inside].tolist(), targets.tolist(), strict=True)
    assert sorted(pairs) == transitions(data)


def test_negatives_follow_popularity_to_the_power():
    clicked = np.repeat(np.arange(3), [1, 4, 16])
    sampler = NegativeSampler(clicked, 3, 0.5)
    assert sampler.probability == pytest.approx(np.array([1, 2, 4]) / 7)
    drawn = sampler.draw(70_000, np.random.default_rng(0))
    assert np.bincount(drawn) / 10_000 == pytest.approx([1, 2, 4], rel=0.05)
    assert np.exp(sampler.log_expected(np.array([0, 2]), 2)) == pytest.approx([2 / 7, 8 / 7])


def test_sampled_cross_entropy_estimates_the_full_one():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(1, 50, generator=generator)
    full = float(functional.cross_entropy(scores, torch.tensor([3])))
    sampler = NegativeSampler(np.repeat(np.arange(50), np.arange(1, 51)), 50, 0.7)
    drawn = sampler.draw(200_000, np.random.default_rng(1))
    items, counts, place = number_rows(drawn, np.array([3]))
    weight = (np.log(counts) - sampler.log_expected(items, len(drawn))).astype(np.float32)
    left_out = (torch.tensor([0]), torch.from_numpy(place))
    estimate = sampled_cross_entropy(scores[:, 3], scores[:, items], torch.from_numpy(weight), left_out)
    assert float(estimate) == pytest.approx(full, rel=0.01)


def bpr_max_of_the_paper(target, negatives, counts, left_out, regularisation, elu):
    """The formula term by term, for PyTorch to differentiate; `left_out` is a mask."""
    if elu:
        target, negatives = functional.elu(target, alpha=elu), functional.elu(negatives, alpha=elu)
    weights = torch.where(left_out, 0.0, counts * negatives.exp())
    weights = weights / weights.sum(1, keepdim=True)
    above = (weights * torch.sigmoid(target[:, None] - negatives)).sum(1)
    return (regularisation * (weights * negatives**2).sum(1) - above.log()).mean()


@pytest.mark.parametrize("elu", [0, 0.5, 1])
def test_bpr_max_and_its_slopes_are_the_papers_formula(elu):
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(70, generator=generator, requires_grad=True)
    negatives = torch.randn(70, 9, generator=generator, requires_grad=True)
    counts = torch.tensor([1.0, 2, 1, 1, 3, 1, 1, 1, 1])
    left_out = torch.zeros(70, 9, dtype=torch.bool)
    left_out[[0, 3, 31, 32, 69], [8, 4, 0, 1, 2]] = True
    expected = bpr_max_of_the_paper(target, negatives, counts, left_out, 1.95, elu)
    slopes = torch.autograd.grad(expected, [target, negatives])
    # A step of the computation in between stands for the matrix product whose result may be overwritten.
    loss = bpr_max(target, negatives + 0.0, counts.log(), left_out.nonzero(as_tuple=True), 1.95, elu)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for ours, theirs in zip(torch.autograd.grad(loss, [target, negatives]), slopes, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-7)


def test_bpr_max_stands_a_target_without_any_negative():
    target, negatives = torch.tensor([0.3], requires_grad=True), torch.tensor([[0.3]], requires_grad=True)
    nothing_else = (torch.tensor([0]), torch.tensor([0]))
    loss = bpr_max(target, negatives + 0.0, torch.zeros(1), nothing_else, 1.0, 0.5)
    assert torch.isfinite(torch.stack(torch.autograd.grad(loss, [target, negatives])[:1])).all()


def test_rows_of_a_batch_are_numbered_negatives_first():
    items, counts, places = number_rows(np.array([7, 3, 7]), np.array([9, 3, 1, 9, 7]))
    assert items.tolist() == [3, 7, 1, 9]
    assert counts.tolist() == [1, 2]
    assert items[places].tolist() == [9, 3, 1, 9, 7]


@pytest.mark.parametrize(
    "changes",
    [{}, {"loss": "bpr-max", "learning_rate": 0.05}, {"tied": False}, {"momentum": 0.3, "logq": 0.5}],
    ids=["cross-entropy", "bpr-max", "separate", "momentum"],
)
def test_it_learns_what_comes_next(changes):
    settings = Settings(**{**vars(SMALL), "epochs": 10, **changes})
    model = GRU4Rec(settings, seed=1).fit(walks(400), 30)
    assert model.losses[-1] < model.losses[0]
    asked = next_clicks(walks(60, seed=9))
    assert evaluate(model, asked, 30).metrics()["hit_rate@1"] > 0.6


def test_targets_shuffled_across_sessions_teach_nothing():
    # A network that predicts well after this would know the answers from elsewhere than the sessions.
    item_count = 300
    train, asked = walks(600, item_count), next_clicks(walks(80, item_count, seed=9))
    shuffled = replace(train, items=np.random.default_rng(1).permutation(train.items))
    settings = Settings(**{**vars(SMALL), "epochs": 2, "negatives": 64})

    def hit_rate(model, learnt):
        return evaluate(model.fit(learnt, item_count), asked, item_count).metrics()["hit_rate@20"]

    ceiling = 3 * max(hit_rate(Popularity(), shuffled), 20 / item_count)
    assert hit_rate(GRU4Rec(settings, seed=1), shuffled) <= ceiling < hit_rate(GRU4Rec(settings, seed=1), train)


def test_the_item_on_the_screen_is_ranked_last_where_shoppers_move_on():
    prefixes = walks(20, seed=2)
    last = prefixes.items[prefixes.offsets[1:] - 1]
    scores = GRU4Rec(SMALL, seed=1).fit(walks(50), 30).score(prefixes)
    assert (scores[np.arange(len(last)), last] == scores.min(axis=1)).all()
    repeating = sessions([[item, item] for item in range(30)] * 5)
    scores = GRU4Rec(SMALL, seed=1).fit(repeating, 30).score(prefixes)
    assert (scores[np.arange(len(last)), last] > scores.min(axis=1)).any()


def test_a_prefix_is_scored_alike_alone_and_in_a_batch():
    model = GRU4Rec(SMALL, seed=1).fit(walks(50), 30)
    prefixes = next_clicks(walks(20, seed=2)).prefixes
    scores = model.score(prefixes)
    for place in range(len(prefixes)):
        assert model.score(prefixes.take(np.array([place])))[0] == pytest.approx(scores[place], abs=1e-4)


def test_same_seed_same_model():
    first, second, other = (GRU4Rec(SMALL, seed).fit(walks(80), 30) for seed in (1, 1, 2))
    prefixes = walks(5, seed=3)
    assert (first.score(prefixes) == second.score(prefixes)).all()
    assert (first.score(prefixes) != other.score(prefixes)).any()
    assert first.losses == second.losses


def test_training_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    GRU4Rec(SMALL, seed=1).fit(walks(20), 30)
    assert (torch.rand(3) == expected).all()


def test_killed_training_continues_to_the_same_weights(tmp_path):
    whole = GRU4Rec(SMALL, seed=1).fit(walks(80), 30)

    def kill(epoch, loss):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GRU4Rec(SMALL, seed=1).fit(walks(80), 30, tmp_path / "state", after_epoch=kill)
    epochs = []
    continued = GRU4Rec(SMALL, seed=1).fit(
        walks(80), 30, tmp_path / "state", after_epoch=lambda epoch, loss: epochs.append(epoch)
    )
    assert epochs == [3]
    assert continued.losses == whole.losses
    assert (continued.score(walks(5)) == whole.score(walks(5))).all()
    other = GRU4Rec(SMALL, seed=1).fit(walks(81), 30, tmp_path / "state")
    assert (other.score(walks(5)) == GRU4Rec(SMALL, seed=1).fit(walks(81), 30).score(walks(5))).all()
    continued.forget(tmp_path / "state")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("part", ["offsets", "seconds"])
def test_a_checkpoint_of_other_sessions_is_ignored(tmp_path, part):
    """The same clicks with other borders between sessions, or at other times, are another training."""
    given = walks(80)
    others = {"offsets": np.delete(given.offsets, 1), "seconds": given.seconds[::-1].copy()}
    GRU4Rec(SMALL, seed=1).fit(given, 30, tmp_path / "state")
    epochs = []
    GRU4Rec(SMALL, seed=1).fit(
        replace(given, **{part: others[part]}),
        30,
        tmp_path / "state",
        after_epoch=lambda epoch, loss: epochs.append(epoch),
    )
    assert epochs == [1, 2, 3]


def test_the_time_of_a_training_includes_that_before_an_interruption(tmp_path):
    whole = GRU4Rec(SMALL, seed=1).fit(walks(80), 30, tmp_path / "state")
    assert whole.seconds > 0
    assert GRU4Rec(SMALL, seed=1).fit(walks(80), 30, tmp_path / "state").seconds == whole.seconds


KILLED = """
import os, signal, sys
from pathlib import Path
from smartrocket.gru4rec import GRU4Rec
from test_gru4rec import SMALL, walks

step, taken = GRU4Rec._step, []

def die(*arguments):
    taken.append(arguments)
    if len(taken) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*arguments)

GRU4Rec._step = die
GRU4Rec(SMALL, seed=1).fit(walks(80), 30, Path(sys.argv[1]))
"""


def test_a_process_killed_within_an_epoch_continues_to_the_same_weights(tmp_path):
    steps, count = [], GRU4Rec._step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GRU4Rec, "_step", lambda *given: steps.append(None) or count(*given))
        whole = GRU4Rec(SMALL, seed=1).fit(walks(80), 30)
    within_second = str(len(steps) // 2)
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])}
    command = [sys.executable, "-c", KILLED, str(tmp_path / "state"), within_second]
    killed = subprocess.run(command, env=surroundings)
    assert killed.returncode == -signal.SIGKILL
    epochs = []
    continued = GRU4Rec(SMALL, seed=1).fit(
        walks(80), 30, tmp_path / "state", after_epoch=lambda epoch, loss: epochs.append(epoch)
    )
    assert epochs == [2, 3]
    assert continued.losses == whole.losses
    assert (continued.score(walks(5)) == whole.score(walks(5))).all()


@pytest.mark.parametrize("tied", [True, False])
def test_saved_model_answers_alike_and_runs_no_code(tmp_path, tied):
    model = GRU4Rec(Settings(**{**vars(SMALL), "tied": tied, "epochs": 1}), seed=1).fit(walks(40), 30)
    item_ids = np.arange(30) * 7 + 2
    model.save(tmp_path / "model", item_ids)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["config.json", "weights.safetensors"]
    loaded, loaded_ids = GRU4Rec.load(tmp_path / "model")
    assert (loaded_ids == item_ids).all()
    assert (loaded.score(walks(5)) == model.score(walks(5))).all()
    assert loaded.settings == model.settings
    assert load_file(tmp_path / "model" / "weights.safetensors")["items"].shape == (30, 16)


def test_nothing_to_learn_from_is_no_error(tmp_path):
    model = GRU4Rec(SMALL, seed=1).fit(sessions([]), 0)
    model.save(tmp_path / "model", np.array([], dtype=np.int64))
    assert GRU4Rec.load(tmp_path / "model")[0].item_count == 0


def test_unknown_loss_is_named():
    with pytest.raises(InputError, match="hinge"):
        Settings(loss="hinge")
