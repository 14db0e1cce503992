"""The worked examples: what they show is what the tables hold, and a shop without any says so."""

import pandas as pd
import pytest

from shops import FIRST_DAY, make_events
from smartrocket import panel, worked_examples
from smartrocket.engine import connect
from smartrocket.sequences import prepare_sequences


@pytest.fixture
def connection():
    return connect("500MB", 1)


def build_panel(connection, rows):
    """Return the clean events and the panel of a hand-made shop."""
    events = connection.create_table("events", make_events(rows), temp=True, overwrite=True)
    empty = {
        "item_categories": "itemid int64, categoryid int64, valid_from timestamp, valid_to timestamp",
        "item_prices": "itemid int64, price double, valid_from timestamp, valid_to timestamp",
        "item_availability": "itemid int64, available boolean, valid_from timestamp, valid_to timestamp",
        "categories": "categoryid int64, parentid int64, level int32, root int64, path varchar",
    }
    for name, columns in empty.items():
        connection.raw_sql(f"CREATE OR REPLACE TEMP TABLE {name} ({columns.replace('int64', 'BIGINT')})")
    catalogue = panel.Catalogue(*(connection.table(name) for name in empty))
    days = panel.find_complete_days(events)
    path = connection.create_table(
        "panel",
        pd.concat([batch.to_pandas() for batch in panel.build_panel(events, catalogue, days, 2, ["view"], connection)]),
        temp=True,
        overwrite=True,
    )
    return events, path


def day(number: int, hour: int = 12) -> pd.Timestamp:
    """Return a moment on a day of the shop."""
    return FIRST_DAY + pd.Timedelta(days=number, hours=hour)


def make_rows():
    """Item 7 is viewed often, sold on day 4 and twice on day 6; item 8 is hardly looked at."""
    rows = [(day(0, 0), 1, "view", 7), (day(0, 1), 1, "view", 8)]
    rows += [(day(number, 10), 10 + number, "view", 7) for number in range(1, 6)]
    rows += [(day(4, 11), 14, "transaction", 7), (day(6, 9), 20, "transaction", 7), (day(6, 10), 21, "transaction", 7)]
    return [*rows, (day(8, 23.99), 2, "view", 8), (day(9, 1), 2, "view", 8)]


def test_an_item_is_followed_from_its_rows_to_its_target(connection):
    events, table = build_panel(connection, make_rows())
    example = worked_examples.find_item(table, events, 2)
    assert example.item == 7
    assert example.target == sum(example.ahead) == 2
    until = example.date + pd.Timedelta(days=1)
    expected = [row for row in make_rows() if row[3] == 7 and until - pd.Timedelta(days=7) <= row[0] < until]
    assert len(example.rows) == len(expected)
    assert example.days["views"].sum() == sum(row[2] == "view" for row in expected)
    text = worked_examples.write_item(example)
    assert f"Take item 7 at the end of {example.date.day} January 2024" in text
    assert "2 units in all" in text
    assert 'scope="row" class="number">1<' not in text  # visitors are letters, never their numbers
    assert ">A<" in text
    disguised = worked_examples.write_item(example, is_disguised=True)
    assert ">A<" not in disguised
    assert ":" not in disguised.split("2 · The days")[0].split("<tbody>")[1]
    assert "2 units in all" in disguised


def test_a_shop_without_a_known_future_has_no_example():
    assert "no example" in worked_examples.write_item(None)
    assert "no example" in worked_examples.write_session(None)


def test_more_visitors_than_letters_have_numbers():
    names = worked_examples.name_visitors(pd.Series([*range(30), 0]))
    assert (names[0], names[25], names[26], names[-1]) == ("A", "Z", "no. 27", "A")


def make_visits():
    """Three visitors walk 1-2-3 in training; the last one, a week later, repeats, buys and strays."""
    rows = [
        (day(0) + pd.Timedelta(hours=5 * who, minutes=item), who, "view", item)
        for who in range(3)
        for item in (1, 2, 3)
    ]
    last = day(10)
    moves = [("view", 1), ("view", 2), ("view", 2), ("addtocart", 2), ("view", 99), ("view", 3)]
    return rows + [(last + pd.Timedelta(minutes=place), 50, event, item) for place, (event, item) in enumerate(moves)]


def test_a_session_says_what_becomes_of_each_row(connection):
    events = connection.create_table("events", make_events(make_visits()), temp=True, overwrite=True)
    train, test = prepare_sequences(events, 60, 2, 3, 7)
    example = worked_examples.find_session(events, train, test, 60, connection)
    assert example.items == [1, 2, 3]
    assert example.numbers == [0, 1, 2]
    assert example.part == "test"
    assert example.rows["outcome"].tolist() == [
        "click 1",
        "click 2",
        "left out: the same item as in the view before",
        "left out: not a view",
        "left out: an item with too few clicks",
        "click 3",
    ]
    text = worked_examples.write_session(example)
    assert "left 6 rows in the log. 3 of them become clicks" in text
    assert "1 → 2 → 3" in text
    assert "The sequence asks 2 questions" in text
    assert ">50<" not in text


def test_without_sequences_there_is_no_session(connection):
    events = connection.create_table("events", make_events(make_visits()), temp=True, overwrite=True)
    empty = pd.DataFrame({"sessionid": [], "itemid": [], "timestamp": []})
    assert worked_examples.find_session(events, empty, empty, 60, connection) is None


@pytest.mark.parametrize(("value", "text"), [(12.0, "12"), (0.18881, "0.1888"), (11568.4, "11,568"), (-3.0, "-3")])
def test_values_are_short(value, text):
    assert worked_examples.write_value(value) == text
