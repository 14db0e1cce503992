import pandas as pd
import pytest

from shops import FIRST_DAY, load, make_events
from smartrocket import ledger
from smartrocket.engine import connect
from smartrocket.files import write_parquet_frame
from smartrocket.workspace import Workspace

EVENTS = pd.DataFrame(
    [("events", "kept", 97), ("events", "exact duplicate", 2), ("events", "unknown event type", 1)],
    columns=["file", "outcome", "rows"],
)
TREE = pd.DataFrame([("category tree", "kept", 3)], columns=["file", "outcome", "rows"])
NO_FAULT = {"orphans": 0, "cycles": 0}
CATEGORIES = pd.DataFrame({"categoryid": [1, 2, 3], "level": [0, 1, 1]})
BOTS = pd.DataFrame(
    {
        "limit": [100, 200, 500],
        "visitors": [2, 1, 0],
        "events": [1000, 600, 0],
        "bought": [2, 0, 0],
        "busiest_day": 300,
    }
)
TYPES = {"timestamp": "timestamp(6)", "visitorid": "int64", "event": "string", "itemid": "int64"}


@pytest.fixture(scope="module")
def connection():
    return connect("500MB", 1)


def test_events_are_told():
    fine = {"transactions_without_id": 0, "ids_without_transaction": 0}
    reading = ledger.read_events(EVENTS, fine).reading
    assert reading.startswith("Of 100 rows, 97 were kept (97.00 %) and 3 dropped: 2 as *exact duplicate* and 1 as")
    assert reading.endswith("Transaction ids stand on every sale and on nothing else.")
    assert "none was dropped" in ledger.read_events(EVENTS.head(1), fine).reading
    odd = {"transactions_without_id": 1, "ids_without_transaction": 2}
    assert "1 sale without an id" in ledger.read_events(EVENTS, odd).reading
    assert "2 ids on an event" in ledger.read_events(EVENTS, odd).reading


def test_much_that_is_lost_is_told():
    fine = {"transactions_without_id": 0, "ids_without_transaction": 0}

    def read(*outcomes: tuple[str, int]) -> str:
        frame = pd.DataFrame([("events", *each) for each in outcomes], columns=EVENTS.columns)
        return ledger.read_events(frame, fine).reading

    assert "Warning" not in read(("kept", 95), ("unknown event type", 5))
    assert "Warning" not in read(("kept", 30), ("exact duplicate", 30), ("outside the time window", 30), ("bot", 10))
    assert "**Warning: 5.1 % of the rows cannot be used,** as *bad time*." in read(("kept", 949), ("bad time", 51))
    several = read(("kept", 5), ("exact duplicate", 60), ("bad time", 20), ("bad id", 15))
    assert "**Warning: 35.0 % of the rows cannot be used,** most often as *bad time*." in several


def test_bots_are_told():
    reading = ledger.read_bots(BOTS, 10_000, None).reading
    assert reading.startswith("The rule is off. The busiest visitor has 300 events on one day; a limit of 100 would")
    assert "a limit of 200 would drop 1 visitor with 600 events (6.00 % of the log)" in reading
    assert "limit of 500" not in reading
    assert reading.endswith("are 2 purchases: it hits customers, too.")
    assert "visitors beyond 400 events are gone" in ledger.read_bots(BOTS, 10_000, 400).reading
    assert "No purchase" in ledger.read_bots(BOTS.assign(bought=0), 10_000, None).reading
    assert "would change anything" in ledger.read_bots(BOTS.assign(visitors=0), 10_000, None).reading
    shown = ledger.tabulate_bots(BOTS, 10_000)
    assert shown["share of events"].tolist() == [0.1, 0.06, 0]


def read_properties(tmp_path, connection, valid_from: list, used: int = 3, names: int = 0) -> str:
    workspace = Workspace(tmp_path)
    items = list(range(1, len(valid_from) + 1))
    history = pd.DataFrame({"itemid": items, "valid_from": pd.Series(valid_from, dtype="datetime64[us]")})
    write_parquet_frame(workspace.path("interim/item_categories.parquet"), history.astype({"itemid": "int64"}))
    events = make_events([(0, 1, "view", 1), (0, 1, "view", 2), (2880, 1, "view", 1), (2880, 1, "view", 9)])
    books = pd.DataFrame([("item properties", "kept", used), ("item properties", "other property", 7)])
    books.columns = ["file", "outcome", "rows"]
    return ledger.read_properties(
        books[books.rows > 0],
        pd.DataFrame({"property": ["790", "6"]}),
        {"item_categories": len(items), "item_prices": 2, "item_availability": 0, "item_names": names},
        load(connection, events[list(TYPES)], TYPES),
        connection,
        workspace,
    ).reading


def test_properties_are_told(tmp_path, connection):
    reading = read_properties(tmp_path, connection, [FIRST_DAY + pd.Timedelta(days=1)] * 2)
    assert "The 10 snapshots name 2 properties; 3 of them are of the properties in use" in reading
    assert "name." not in reading
    assert "Items have a name: 1 stretch of one." in read_properties(tmp_path, connection, [FIRST_DAY], names=1)
    assert "2 stretches of a category, 2 of a price and 0 of an availability" in reading
    assert "75.0 % of the events are of an item whose category is known" in reading
    assert "The first snapshot of a category is of 2 January 2024: 50.0 % of the events happened before it" in reading
    assert "happened before" not in read_properties(tmp_path, connection, [FIRST_DAY])


def test_properties_without_a_category_are_told_without_a_date(tmp_path, connection):
    reading = read_properties(tmp_path, connection, [], used=0)
    assert "0 stretches of a category" in reading
    assert "0.0 % of the events are of an item whose category is known" in reading
    assert "happened before" not in reading


def test_shop_without_properties_is_told(tmp_path, connection):
    nothing = ledger.read_properties(EVENTS.head(0), pd.DataFrame(), {}, None, connection, Workspace(tmp_path))
    assert "has no item properties" in nothing.reading
    assert nothing.figure is None


def test_tree_is_drawn_by_level():
    finding = ledger.draw_tree(CATEGORIES, NO_FAULT)
    assert [bar.get_height() for bar in finding.figure.axes[0].patches] == [1, 2]
    assert "3 categories under 1 root, down to level 1; level 1 holds most of them (2)" in finding.reading
    assert "neither orphans nor circles" in finding.reading
    assert "1 orphan and 2 circles" in ledger.draw_tree(CATEGORIES, {"orphans": 1, "cycles": 2}).reading
    assert ledger.draw_tree(CATEGORIES.head(0), NO_FAULT).figure is None


def test_books_balance_in_words_and_bars():
    finding = ledger.draw_ledger(pd.concat([EVENTS, TREE], ignore_index=True))
    assert "events: 100 in = 97 kept + 3 not used" in finding.reading
    assert "category tree: 3 in = 3 kept + 0 not used" in finding.reading
    ends = {}
    for bar in finding.figure.axes[0].patches:
        ends[bar.get_y()] = max(ends.get(bar.get_y(), 0), bar.get_x() + bar.get_width())
    assert list(ends.values()) == pytest.approx([100, 100])


def test_books_are_listed_file_by_file():
    listed = ledger.tabulate_books(pd.concat([EVENTS, TREE], ignore_index=True))
    assert listed.outcome.tolist() == ["came in", "kept", "exact duplicate", "unknown event type", "came in", "kept"]
    assert listed.rows.tolist() == [100, 97, 2, 1, 3, 3]
    assert listed.share.tolist() == pytest.approx([1, 0.97, 0.02, 0.01, 1, 1])


def test_frame_ledger_adds_up():
    judged = pd.DataFrame({"reason": [None, "category listed again", None]})
    books = ledger.make_frame_ledger(judged, "category tree")
    assert books.to_numpy().tolist() == [["category tree", "kept", 2], ["category tree", "category listed again", 1]]
    assert ledger.make_frame_ledger(judged.head(0), "category tree").empty


def test_facts_are_listed():
    books = pd.concat([EVENTS, TREE], ignore_index=True)
    facts = ledger.list_facts(books, BOTS, CATEGORIES, {"orphans": 1, "cycles": 0}, {"item_prices": 5})
    assert facts == {
        "events_rows_in": (100, "rows"),
        "events_rows_kept": (97, "rows"),
        "events_rows_dropped": (3, "rows"),
        "category_tree_rows_in": (3, "rows"),
        "category_tree_rows_kept": (3, "rows"),
        "category_tree_rows_dropped": (0, "rows"),
        "events_rows_unusable": (1, "rows"),
        "events_duplicates_dropped": (2, "rows"),
        "bot_visitors": (1, "visitors"),
        "bot_events": (600, "events"),
        "categories": (3, "categories"),
        "category_roots": (1, "categories"),
        "category_orphans": (1, "categories"),
        "category_circles": (0, "circles"),
        "item_prices_rows": (5, "rows"),
    }


def test_frequent_properties_are_listed_or_said_to_be_absent():
    frame = pd.DataFrame({"property": ["790", "<b>"], "rows": [1200, 3], "items": [7, 1], "values": [4, 1]})
    shown = ledger.tabulate_properties(frame, most=1).data
    assert "1,200" in shown
    assert "&lt;b&gt;" not in shown
    assert "&lt;b&gt;" in ledger.tabulate_properties(frame).data
    assert "no property" in ledger.tabulate_properties(frame.head(0)).data


def test_kept_rows_are_counted():
    assert ledger.count_kept(EVENTS) == 97
    assert ledger.count_kept(EVENTS[EVENTS.outcome != "kept"]) == 0
