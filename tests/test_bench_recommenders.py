import dataclasses
import json
import re
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import official_runner
import official_sequences
import recommenders
from smartrocket.errors import InputError
from smartrocket.files import read_json
from smartrocket.gru4rec import Settings
from smartrocket.neighbours import simple_models

REAL = Path(__file__).parents[2] / "shared" / "data" / "retailrocket_view_sequences.txt"
KEYS = {
    "model",
    *(f"recall@{length}" for length in (1, 5, 10, 20)),
    "mrr@20",
    "ndcg@20",
    "train_seconds",
    "events_per_second",
    "runs",
    "sessions_per_second",
}


def write_clicks(path: Path, sessions: dict[int, list[int]], start: int = 0) -> Path:
    rows = [
        (session, item, start + 3600 * session + place)
        for session, items in sessions.items()
        for place, item in enumerate(items)
    ]
    pd.DataFrame(rows, columns=["SessionId", "ItemId", "Time"]).to_csv(path, sep="\t", index=False)
    return path


@pytest.fixture
def files(tmp_path):
    generator = np.random.default_rng(0)
    ring = {number: list((generator.integers(12) + np.arange(4)) % 12 + 100) for number in range(60)}
    train = write_clicks(tmp_path / "train.tsv", ring)
    test = write_clicks(tmp_path / "test.tsv", {90: [100, 101, 999, 102], 91: [105, 106], 92: [999, 100]})
    return train, test


def test_unknown_items_leave_the_test(files):
    train, asked, item_count = recommenders.read_both(*files)
    assert (len(train), item_count) == (60, 12)
    assert asked.targets.tolist() == [1, 2, 6]
    assert asked.prefixes.items.tolist() == [0, 0, 1, 5]


def test_sessions_without_times_of_their_own_are_known(files):
    train, asked, _ = recommenders.read_both(*files)
    about = recommenders.describe_run(train, asked, Settings(units=7, epochs=3))
    assert (about["sessions"], about["clicks"], about["is_evenly_spaced"]) == (60, 240, True)
    assert about["asked"] == len(asked) > 0
    assert about["networks"]["GRU4Rec"]["units"] == 7
    train.seconds[train.offsets[:-1]] += np.random.default_rng(1).integers(1000, size=60)
    assert not recommenders.describe_run(train, asked, Settings())["is_evenly_spaced"]


def test_clicks_are_ordered_by_time_within_a_session(tmp_path):
    rows = pd.DataFrame({"SessionId": [2, 1, 2], "ItemId": [5, 6, 7], "Time": [30_000, 5_000, 10_000]})
    rows.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    clicks = recommenders.read_clicks(tmp_path / "t.tsv")
    assert clicks.itemid.tolist() == [6, 7, 5]
    assert clicks.timestamp.iloc[0] == pd.Timestamp(5_000, unit="s")
    rows.assign(Time=rows.Time + 1_430_611_200_000).to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    assert recommenders.read_clicks(tmp_path / "t.tsv").timestamp.iloc[0].year == 2015


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "t.tsv").write_text("SessionId\tItemId\n1\t2\n")
    with pytest.raises(InputError, match="no column Time"):
        recommenders.read_clicks(tmp_path / "t.tsv")
    with pytest.raises(InputError, match="is no file"):
        recommenders.read_clicks(tmp_path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2\tx\t9", r"t\.tsv, line 4: ItemId is 'x', which is no whole number: mend or remove that line"),
        ("2\t7\tnoon", "line 4: Time is 'noon'"),
        ("2\t\t9", "line 4: ItemId is empty: mend"),
        ("2.5\t7\t9", r"line 4: SessionId is '2\.5'"),
    ],
)
def test_a_value_that_is_no_number_is_named_with_its_line(tmp_path, row, said):
    (tmp_path / "t.tsv").write_text(f"SessionId\tItemId\tTime\n1\t2\t3\n1\t4\t5\n{row}\n")
    with pytest.raises(InputError, match=said):
        recommenders.read_clicks(tmp_path / "t.tsv")


def test_an_official_code_that_fails_is_told_before_anything_is_trained(files, tmp_path, monkeypatch, capsys):
    (tmp_path / "run.py").write_text("raise SystemExit('no')")
    given = ("--train", files[0], "--test", files[1], "--official", tmp_path, "--output", tmp_path / "results.json")
    monkeypatch.setattr(sys, "argv", ["recommenders.py", *map(str, given)])
    with pytest.raises(SystemExit, match="the official code failed: no"):
        recommenders.main()
    assert capsys.readouterr().out == ""


def test_every_model_prints_a_line_twice_the_same(files):
    settings = Settings(units=8, epochs=2, batch_clicks=32, negatives=12)

    def run() -> list[dict]:
        return list(recommenders.run_models(recommenders.Bench(*recommenders.read_both(*files)), settings, 0.5, 7, 1))

    first, second = run(), run()
    assert {line["model"] for line in first} == {*simple_models(7), "GRU4Rec", recommenders.BLEND}
    for line, again in zip(first, second, strict=True):
        assert set(line) >= KEYS
        assert {key: line[key] for key in KEYS if "@" in key} == {key: again[key] for key in KEYS if "@" in key}
        assert json.loads(json.dumps(line)) == line
    scores = {line["model"]: line["recall@1"] for line in first}
    assert scores["sequential rules"] == 1
    assert scores["popularity"] < 1


OUTPUT = """
print("Epoch1 --> loss: 0.481234 \\t(0.40s) \\t[284.68 mb/s | 450 e/s]")
print("Epoch2 --> loss: 0.381234 \\t(0.45s) \\t[319.82 mb/s | 400 e/s]")
print("Epoch3 --> loss: 0.281234 \\t(3.00s) \\t[319.82 mb/s | 60 e/s]")
print("Total training time: 3.85s")
print("Recall@1: 0.125334 MRR@1: 0.125334", *sys.argv[1:], sep="\\n")
print("Recall@5: 0.322738 MRR@5: 0.196280\\nRecall@10: 0.421153 MRR@10: 0.209505")
print("Recall@20: 0.519616 MRR@20: 0.216372")
"""


def test_the_official_code_is_run_beside(files, tmp_path):
    (tmp_path / "helper.py").write_text("import sys\n")
    (tmp_path / "run.py").write_text(f"import joblib\nfrom helper import sys\n{OUTPUT}")
    script = recommenders.find_script(tmp_path)
    line = recommenders.run_official(script, *files, recommenders.OFFICIAL_PARAMETERS)
    assert set(line) == KEYS
    assert line["recall@1"] == 0.12533
    assert line["mrr@20"] == 0.21637
    # The 180 next clicks in the median of its three epochs, of which something else held one up.
    assert (line["train_seconds"], line["events_per_second"], line["runs"]) == (1.35, 400, 3)
    assert not list(tmp_path.rglob("__pycache__"))


def test_the_official_codes_arguments(files, tmp_path):
    (tmp_path / "run.py").write_text(
        "import os, sys\nsys.exit(' '.join([os.environ['OMP_NUM_THREADS'], *sys.argv[1:]]))"
    )
    with pytest.raises(InputError, match="official code failed: 3 ") as failure:
        recommenders.run_official(
            tmp_path / "run.py", *files, {"layers": 224, "constrained_embedding": True}, threads=3
        )
    assert re.search(rf"{files[0]} -t \S+ -m 1 5 10 20 -e conservative -d cpu", str(failure.value))
    assert str(failure.value).endswith("-ps layers=224,constrained_embedding=True")
    with pytest.raises(InputError, match=r"no run\.py"):
        recommenders.find_script(tmp_path / "elsewhere")


def test_the_official_code_reads_the_clicks_that_we_are_asked(files, tmp_path):
    (tmp_path / "run.py").write_text("import sys\nsys.exit(repr(open(sys.argv[3]).read()))")
    with pytest.raises(InputError) as failure:
        recommenders.run_official(tmp_path / "run.py", *files, {})
    # Neither item 999, which training never saw, nor session 92, of which one click is left.
    first, second = 3_600_000 * 90, 3_600_000 * 91
    clicks = [(90, 100, first), (90, 101, first + 1000), (90, 102, first + 3000), (91, 105, second)]
    text = "SessionId\tItemId\tTime\n" + "".join("{}\t{}\t{}\n".format(*click) for click in clicks)
    assert str(failure.value).startswith(f"the official code failed: {text!r}"[:-1])


def test_a_small_test_is_scored_in_small_batches():
    def evaluate(model, test, cutoff, batch_size, session_key):
        return model, cutoff, batch_size, session_key

    test = pd.DataFrame({"SessionId": [1, 1, 2, 2], "ItemId": [5, 6, 6, 5]})
    fitted = official_runner.in_small_batches(evaluate)
    assert fitted("network", test, [20], batch_size=512) == ("network", [20], 2, "SessionId")
    assert fitted("network", test, [20], batch_size=1)[2] == 1


def test_the_command_prints_its_lines_and_keeps_them(files, tmp_path, monkeypatch, capsys):
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "run.py").write_text(f"import sys\n{OUTPUT}")
    given = dict(zip(("--train", "--test", "--official"), (*files, checkout), strict=True))
    given |= {"--output": tmp_path / "made" / "results.json", "--profile": "ci"}
    monkeypatch.setattr(sys, "argv", ["recommenders.py", *map(str, chain.from_iterable(given.items()))])
    few = dataclasses.replace(recommenders.ALIKE_SETTINGS, units=8, negatives=8, epochs=2)
    monkeypatch.setattr(recommenders, "ALIKE_SETTINGS", few)
    recommenders.main()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert read_json(tmp_path / "made" / "results.json")["recommenders"]["lines"] == lines
    assert [line["model"] for line in lines[-3:]] == [recommenders.BLEND, recommenders.ALIKE, recommenders.OFFICIAL]


def test_a_test_without_a_click_to_predict_is_named(files, tmp_path):
    test = write_clicks(tmp_path / "strange.tsv", {1: [999, 100], 2: [101]})
    with pytest.raises(InputError, match=r"strange\.tsv has no session with two clicks"):
        recommenders.read_both(files[0], test)


def test_double_precision_is_read_as_single():
    make = official_runner.in_single_precision(torch.tensor)
    assert make(np.ones(2)).dtype == torch.float32
    assert make(np.ones(2, dtype=np.int64)).dtype == torch.int64
    assert make([1.0], dtype=torch.float64).dtype == torch.float64


def test_sessions_are_prepared_by_the_rules(tmp_path, monkeypatch, capsys):
    lines = ["1 1 2 1"] * 60 + ["1 2", "3 1 2", "3 3"] * 3 + ["1 2", "1 9", "2 2 1"]
    (tmp_path / "sessions.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(sys, "argv", ["official_sequences.py", str(tmp_path / "sessions.txt"), str(tmp_path)])
    official_sequences.main()
    counts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    # 60 + 3 + 3 + 1 + 1 sessions are left, of which the last three (4 %) are the test.
    assert [part["sessions"] for part in counts] == [65, 3]
    train = recommenders.read_clicks(tmp_path / "train.tsv")
    assert train[train.sessionid == 0].itemid.tolist() == [1, 2, 1]
    assert set(train.itemid) == {1, 2}
    test = recommenders.read_clicks(tmp_path / "test.tsv")
    assert test.timestamp.min() > train.timestamp.max()


@pytest.mark.skipif(not REAL.exists(), reason="the real sessions are not here")
def test_the_real_sessions_give_the_published_counts():
    clicks = official_sequences.clean_sessions(official_sequences.read_session_lines(REAL))
    train, test = official_sequences.split_last_sessions(clicks)
    assert (train.SessionId.nunique(), len(train), test.SessionId.nunique()) == (102_401, 511_734, 4_243)
