"""The engine module: what it opens, keeps, reads and writes, on DuckDB (tests of Spark have a file of their own)."""

import pandas as pd
import pytest

from shops import load
from smartrocket.engine import connect, keep, open_reader, read_whole, strip, write_parquet


@pytest.fixture(scope="module")
def connection():
    return connect("500MB", 1)


def test_finished_tables_are_read_by_the_engine_that_made_them(connection):
    assert open_reader(connection) is connection


def test_a_kept_table_stays_when_what_it_came_from_changes(connection):
    table = load(connection, pd.DataFrame({"number": [3, 1, 2]}))
    kept = keep(table.filter(table.number > 1))
    changed = pd.DataFrame({"number": [9]})
    connection.create_table(table.get_name(), changed, temp=True, overwrite=True)
    assert sorted(kept.number.to_pandas()) == [2, 3]


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("-3", -3), (" 7 ", 7), ("+5", 5), ("12.0", 12), ("12.", 12), ("007", 7)]
    + [(text, None) for text in ("", "12.6", "1e3", "0x10", "1_000", "nan", "9223372036854775808", "twelve", "1 2")]
    + [(text, None) for text in ("\v7", "7\u2028", "\u00a07", "5d")],
)
def test_whole_numbers_are_read_and_nothing_else(connection, text, number):
    table = load(connection, pd.DataFrame({"text": [text]}))
    found = read_whole(table.text).to_pandas()[0]
    assert (found == number) if number is not None else pd.isna(found)


def test_blanks_go_at_both_ends_only(connection):
    table = load(connection, pd.DataFrame({"text": [" \tview v\n ", "v", " ", "\vv", "v\u2028"]}))
    assert strip(table.text).to_pandas().tolist() == ["view v", "v", "", "\vv", "v\u2028"]


def test_a_table_is_written_in_its_order_and_counted(connection, tmp_path):
    table = load(connection, pd.DataFrame({"number": [3, 1, 2]}))
    assert write_parquet(table.order_by("number"), tmp_path / "folder" / "table.parquet") == 3
    assert pd.read_parquet(tmp_path / "folder" / "table.parquet").number.tolist() == [1, 2, 3]
