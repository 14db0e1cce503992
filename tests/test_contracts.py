import pandas as pd
import pytest

from shops import FIRST_DAY, make_events, write_shop
from smartrocket import contracts
from smartrocket.engine import connect
from smartrocket.errors import InputError
from smartrocket.files import write_parquet_frame
from smartrocket.ingestion import ingest
from smartrocket.workspace import Workspace

HISTORIES = {
    "item_categories": ("categoryid", 7),
    "item_prices": ("price", 2.5),
    "item_availability": ("available", True),
    "item_names": ("name", "Lamp"),
}
GOOD = make_events([(0, 1, "view", 1), (1, 1, "transaction", 1)])


@pytest.fixture(scope="module")
def connection():
    return connect("500MB", 1)


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path / "build")
    write_parquet_frame(workspace.path("interim/events.parquet"), GOOD)
    for name in HISTORIES:
        write_history(workspace, name)
    write_tree(workspace)
    return workspace


TREE = pd.DataFrame(
    {"categoryid": [1, 2], "parentid": [None, 1], "level": [0, 1], "root": [1, 1], "path": ["1", "1/2"]}
)


def write_tree(workspace, **changes) -> None:
    types = {"categoryid": "int64", "parentid": "Int64", "level": "int32", "root": "int64", "path": "str"}
    write_parquet_frame(workspace.path("interim/categories.parquet"), TREE.astype(types).assign(**changes))


def write_history(workspace, name: str, **changes) -> None:
    column, value = HISTORIES[name]
    frame = pd.DataFrame({"itemid": [1, 1], column: [value, value], "valid_from": [FIRST_DAY] * 2})
    frame["valid_to"] = pd.Series([FIRST_DAY, pd.NaT])
    frame = frame.astype({"valid_from": "datetime64[us]", "valid_to": "datetime64[us]"}).assign(**changes)
    write_parquet_frame(workspace.path(f"interim/{name}.parquet"), frame)


def check(workspace, connection) -> pd.DataFrame:
    return contracts.check_tables(contracts.CLEAN, workspace, connection)


def test_tables_that_keep_their_contracts_are_listed(workspace, connection):
    checked = check(workspace, connection)
    assert checked["rows"].tolist() == [2, 2, 2, 2, 2, 2]
    assert checked["columns"].iloc[0] == "timestamp, visitorid, event, itemid, transactionid"
    write_parquet_frame(workspace.path("interim/events.parquet"), GOOD.head(0))
    assert check(workspace, connection)["rows"].tolist() == [0, 2, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"event": ["view", "click"]}, "event breaks the rule"),
        ({"itemid": pd.array([1, None], "Int64")}, "itemid breaks the rule"),
        ({"visitorid": ["a", "b"]}, "visitorid breaks the rule"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_broken_rule_names_file_and_column(workspace, connection, changes, said):
    write_parquet_frame(workspace.path("interim/events.parquet"), GOOD.assign(**changes))
    with pytest.raises(InputError, match=said) as caught:
        check(workspace, connection)
    message = str(caught.value)
    assert message.startswith(str(workspace.path("interim/events.parquet")))
    assert "\n" not in message


def test_a_missing_column_and_a_negative_price_are_broken_rules(workspace, connection):
    write_history(workspace, "item_prices", price=[1.0, -2.0])
    with pytest.raises(InputError, match=r"item_prices\.parquet: price breaks the rule"):
        check(workspace, connection)
    write_history(workspace, "item_prices")
    write_tree(workspace, level=pd.Series([0, -1], dtype="int32"))
    with pytest.raises(InputError, match=r"categories\.parquet: level breaks the rule"):
        check(workspace, connection)
    write_parquet_frame(workspace.path("interim/events.parquet"), GOOD.drop(columns="transactionid"))
    with pytest.raises(InputError, match="transactionid"):
        check(workspace, connection)


def test_raw_tables_keep_theirs_whatever_is_in_them(tmp_path, connection):
    workspace = Workspace(tmp_path / "build")
    events = "timestamp,visitorid,event,itemid\nx,y,,z\n1,1,view,1\n"
    ingest(write_shop(tmp_path / "raw", events, "timestamp,itemid,property,value\nx,,,\n"), workspace, connection)
    checked = contracts.check_tables(contracts.RAW, workspace, connection)
    assert checked["rows"].tolist() == [2, 1, 0]
    workspace.path("interim/raw_events.parquet").unlink()
    with pytest.raises(InputError, match="01_eda"):
        contracts.check_tables(contracts.RAW, workspace, connection)
