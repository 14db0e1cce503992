"""Files are whole or absent."""

import pandas as pd
import pytest

from smartrocket.files import read_json, replacing, write_if_changed, write_json, write_parquet_frame, write_text


def test_a_written_file_holds_the_text_and_leaves_nothing_beside(tmp_path):
    write_text(tmp_path / "deep" / "note.txt", "für alle")
    assert (tmp_path / "deep" / "note.txt").read_text(encoding="utf-8") == "für alle"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["note.txt"]


def write_half(path):
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "note.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError):
        write_half(path)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["note.txt"]


def test_a_folder_takes_the_place_of_the_old_folder(tmp_path):
    folder = tmp_path / "pages"
    for name in ("old", "new"):
        with replacing(folder) as temporary:
            temporary.mkdir()
            (temporary / name).touch()
    assert [path.name for path in folder.iterdir()] == ["new"]


def test_an_unchanged_text_is_not_written_again(tmp_path):
    path = tmp_path / "note.txt"
    assert write_if_changed(path, "same")
    before = path.stat().st_mtime_ns
    assert not write_if_changed(path, "same")
    assert path.stat().st_mtime_ns == before
    assert write_if_changed(path, "other")


def test_equal_values_give_equal_json(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": [2]})
    write_json(tmp_path / "b.json", {"a": [2], "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert read_json(tmp_path / "a.json") == {"a": [2], "b": 1}


def test_json_refuses_what_json_does_not_have(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", float("nan"))
    assert not (tmp_path / "a.json").exists()


def test_a_frame_survives_parquet(tmp_path):
    frame = pd.DataFrame({"itemid": [1, 2], "price": [1.5, None]})
    write_parquet_frame(tmp_path / "prices.parquet", frame)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "prices.parquet"), frame)
