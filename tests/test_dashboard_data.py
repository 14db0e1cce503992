"""What the dashboard's pages load is whole, small, harmless, and says the same as the tables it was made of."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_site import HOSTILE, TREE, make_shop, write_data
from smartrocket import dashboard, dashboard_recommendations
from smartrocket.behaviour import EVENT_TYPES
from smartrocket.dashboard_facts import write_facts
from smartrocket.dashboard_products import CHUNK, list_bought
from smartrocket.dashboard_recommendations import MOST_EVENTS, find_branches, write_journeys
from smartrocket.dashboard_scripts import escape, read_script, write_script
from smartrocket.figures import PALETTE
from smartrocket.files import ROOT
from smartrocket.panel import find_complete_days
from smartrocket.workspace import Workspace


@pytest.fixture(scope="module")
def shop():
    return make_shop()


@pytest.fixture(scope="module")
def workspace(shop, tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("build"))
    write_data(shop, workspace)
    return workspace


# ---------------------------------------------------------------- scripts


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.lists(st.text()))))
def test_texts_are_harmless_inside_a_script_and_come_back(value):
    text = escape(value)
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == value


@given(
    st.lists(st.integers(0, 2**32 - 1), max_size=40),
    st.lists(st.floats(width=64, allow_nan=False), max_size=40),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40),
)
def test_columns_come_back_exactly(tmp_path_factory, counts, amounts, numbers):
    workspace = Workspace(tmp_path_factory.mktemp("pack"))
    whole = {"counts": np.array(counts, dtype=np.int64), "numbers": np.array(numbers, dtype=np.int64)}
    columns = whole | {"amounts": np.array(amounts)}
    write_script(workspace, "x", {"name": "y"}, columns)
    back = read_script(workspace, "x")
    assert back["name"] == "y"
    for name, values in columns.items():
        assert back[name].tolist() == values.tolist()


def test_bytes_and_missing_amounts_come_back(tmp_path):
    workspace = Workspace(tmp_path)
    write_script(workspace, "x", {}, {"bytes8": np.array([-128, 127], np.int8), "amounts": np.array([1.5, np.nan])})
    back = read_script(workspace, "x")
    assert back["bytes8"].tolist() == [-128, 127]
    assert np.isnan(back["amounts"][1])


def test_what_a_browser_cannot_hold_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_script(Workspace(tmp_path), "x", {"share": float("nan")})


# ---------------------------------------------------------------- the log


def as_of(shop, history: str, name: str) -> pd.Series:
    """Return each event's value by a plain loop: the last one known by then, else the first."""
    table = shop.connection.table(history).to_pandas().sort_values("valid_from")
    known = dict(list(table.groupby("itemid")))

    def find(event):
        rows = known.get(event.itemid)
        if rows is None:
            return None
        past = rows[rows["valid_from"] <= event.timestamp]
        return (past.iloc[-1] if len(past) else rows.iloc[0])[name]

    return shop.events.apply(find, axis=1)


def read_facts(workspace):
    """Return the packed log as a frame of one row an event: day, cell, item id, kind, category id (0: none)."""
    facts = read_script(workspace, "shop") | read_script(workspace, "facts")
    slots = np.repeat(np.arange(len(facts["slot_rows"])), facts["slot_rows"])
    category = facts["item_category"][facts["fact_item"]].astype(int)
    category[facts["other_row"]] = facts["other_category"]
    frame = pd.DataFrame(
        {
            "day": facts["slot_day"][slots].astype(int),
            "cell": facts["slot_cell"][slots].astype(int),
            "itemid": facts["item_id"][facts["fact_item"]].astype(int),
            "kind": facts["fact_kind"].astype(int),
            "categoryid": np.append(0, facts["category_id"])[category].astype(int),
        }
    )
    return facts, frame


def test_the_packed_log_is_the_log(shop, workspace):
    facts, frame = read_facts(workspace)
    events = shop.events
    first = events["timestamp"].min().normalize()
    expected = pd.DataFrame(
        {
            "day": (events["timestamp"].dt.normalize() - first).dt.days,
            "cell": events["timestamp"].dt.weekday * 24 + events["timestamp"].dt.hour,
            "itemid": events["itemid"],
            "kind": events["event"].map(EVENT_TYPES.index),
            "categoryid": as_of(shop, "item_categories", "categoryid").fillna(0).astype(int),
        }
    )
    columns = list(expected)
    assert facts["first_date"] == f"{first:%Y-%m-%d}"
    assert sorted(frame[columns].itertuples(index=False)) == sorted(expected.itertuples(index=False))


def test_products_have_their_views_and_units(workspace):
    """What the page counts that does not load the events is what the events say."""
    facts, frame = read_facts(workspace)
    for column, kind in (("item_views", "view"), ("item_units", "transaction")):
        counted = frame[frame["kind"] == EVENT_TYPES.index(kind)]["itemid"].value_counts()
        assert facts[column].tolist() == counted.reindex(facts["item_id"].astype(int), fill_value=0).tolist()


def test_prices_and_orders_stand_beside_their_sales(shop, workspace):
    facts, frame = read_facts(workspace)
    sold = frame[frame["kind"] == EVENT_TYPES.index("transaction")].assign(
        price=facts["sold_price"], order=facts["sold_order"]
    )
    prices = as_of(shop, "item_prices", "price")[shop.events["event"] == "transaction"]
    assert sold["price"].sum() == pytest.approx(prices.sum())
    assert sold["price"].isna().sum() == prices.isna().sum() > 0
    assert sold["order"].nunique() == shop.events["transactionid"].nunique()


def test_large_ids_stay_apart(workspace, tmp_path):
    """Ids of more than 53 bits: floats, here or in the browser, would take neighbours for one."""
    lift = 2**63 - 10**7
    shop, lifted = make_shop(lift=lift), Workspace(tmp_path)
    events = shop.connection.table("events")
    names = shop.connection.table("item_names")
    write_facts(events, shop.catalogue, names, find_complete_days(events), "UTC", lifted)
    plain, large = ({**read_script(place, "shop"), **read_script(place, "facts")} for place in (workspace, lifted))
    for name in ("item_id", "category_id"):
        assert (large[name] - lift).tolist() == plain[name].astype(int).tolist()
        del plain[name], large[name]
    assert large.keys() == plain.keys()
    for name, value in plain.items():
        np.testing.assert_array_equal(large[name], value, name)


def test_products_have_their_last_name(shop, workspace, tmp_path):
    assert "item_names" not in read_script(workspace, "shop")
    facts = read_script(workspace, "shop")
    second = int(facts["item_id"][1])
    days = pd.to_datetime(["2024-01-05", "2024-01-20", "2024-01-02"]).astype("datetime64[us]")
    history = pd.DataFrame({"itemid": [second] * 2 + [-1], "name": ["old", "new", "of no item"], "valid_from": days})
    names = shop.connection.create_table("other_names", history, overwrite=True)
    named, events = Workspace(tmp_path), shop.connection.table("events")
    write_facts(events, shop.catalogue, names, find_complete_days(events), "UTC", named)
    found = read_script(named, "shop")["item_names"]
    assert found == ["", "new", *[""] * (len(facts["item_id"]) - 2)]


def test_visits_count_every_visitor_once(shop, workspace):
    facts = read_script(workspace, "facts")
    visits = pd.DataFrame(
        {"visitor": np.cumsum(facts["visit_new"]), "day": facts["visit_day"], "kind": facts["visit_kind"]}
    )
    events = shop.events.assign(
        day=(shop.events["timestamp"].dt.normalize() - shop.events["timestamp"].min().normalize()).dt.days
    )
    assert visits["visitor"].max() == events["visitorid"].nunique()
    for low, high in ((0, 9), (20, 40), (69, 69)):
        inside = visits[visits["day"].between(low, high)]
        assert inside["visitor"].nunique() == events[events["day"].between(low, high)]["visitorid"].nunique()


def test_categories_keep_their_parents(workspace):
    shop = read_script(workspace, "shop")
    ids = shop["category_id"].astype(int)
    parents = {
        int(number): (int(ids[parent - 1]) if parent else None)
        for number, parent in zip(ids, shop["category_parent"], strict=True)
    }
    tree = TREE.set_index("categoryid")["parentid"]
    assert parents == {int(number): (None if pd.isna(parent) else int(parent)) for number, parent in tree.items()}
    branch = find_branches(shop)
    place = {number: at + 1 for at, number in enumerate(ids)}
    assert branch[place[110]] == place[11]
    assert branch[place[10]] == place[10]
    assert branch[place[1]] == place[1]
    assert branch[0] == 0


def test_two_runs_write_the_same_bytes(shop, workspace, tmp_path):
    again = Workspace(tmp_path)
    write_data(shop, again)
    for path in workspace.path("dashboard").glob("*.js"):
        assert path.read_bytes() == again.path(f"dashboard/{path.name}").read_bytes(), path.name


# ---------------------------------------------------------------- products


def test_an_item_has_its_related_items_and_prices(shop, workspace):
    facts = read_script(workspace, "shop")
    chunk = read_script(workspace, "products-0")
    assert len(chunk["related_rows"]) == CHUNK
    item = 3
    related = shop.connection.table("related").to_pandas()
    own = related[related["itemid"] == int(facts["item_id"][item])].sort_values("rank").head(12)
    start = int(chunk["related_rows"][:item].sum())
    found = facts["item_id"][chunk["related_relateditemid"][start : start + int(chunk["related_rows"][item])]]
    assert found.tolist() == own["relateditemid"].tolist()
    prices = shop.connection.table("item_prices").to_pandas()
    last = prices.sort_values("valid_from").groupby("itemid")["price"].last()
    shown = read_script(workspace, "products")["price"]
    for number, itemid in enumerate(facts["item_id"].astype(int)):
        assert np.isnan(shown[number]) if itemid not in last else shown[number] == last[itemid]


def test_bought_after_viewing_counts_sessions(shop):
    rows = [
        (1, 0, "view", 7),
        (1, 1, "view", 7),
        (1, 2, "transaction", 8),
        (1, 3, "transaction", 8),
        (2, 0, "transaction", 8),
        (2, 1, "view", 7),
        (3, 0, "view", 7),
        (3, 1, "transaction", 7),
    ]
    table = shop.connection.create_table(
        "few", pd.DataFrame(rows, columns=["sessionid", "position", "event", "itemid"]), overwrite=True
    )
    found = list_bought(table).to_pandas()
    assert sorted(found.itertuples(index=False, name=None)) == [(7, 7, 1), (7, 8, 1)]


# ---------------------------------------------------------------- the site


def test_journeys_count_every_step(shop, workspace, tmp_path, monkeypatch):
    data, facts = read_script(workspace, "journeys"), read_script(workspace, "shop")
    session_events = shop.connection.table("session_events")
    events = session_events.to_pandas().sort_values(["sessionid", "position"])
    sizes = events.groupby("sessionid").size().clip(upper=MOST_EVENTS)
    assert data["lengths"] == sizes.value_counts().reindex(range(1, MOST_EVENTS + 1), fill_value=0).tolist()
    assert sum(count for _, _, count in data["events"]) == len(events) + len(sizes)

    branch = dict(zip(facts["item_id"], find_branches(facts)[facts["item_category"]], strict=True))
    before = events.groupby("sessionid")["itemid"].shift()
    steps = events[before.notna() & (before != events["itemid"])]
    pairs = pd.Series(list(zip(before[steps.index].map(branch), steps["itemid"].map(branch), strict=True)))
    counts = pairs.value_counts()
    assert {(source, target): count for source, target, count in data["categories"]} == counts.to_dict()
    known = counts[[source > 0 and target > 0 for source, target in counts.index]]
    same = known[[source == target for source, target in known.index]]
    assert (data["pairs"], data["known"], data["same"]) == (len(counts), known.sum(), same.sum())
    assert 0 < data["same"] < data["known"] < len(steps)

    monkeypatch.setattr(dashboard_recommendations, "MOST_STEPS", 2)
    folder = Workspace(tmp_path)
    table = shop.connection.table("events")
    names = shop.connection.table("item_names")
    write_facts(table, shop.catalogue, names, find_complete_days(table), "UTC", folder)
    write_journeys(session_events, folder)
    cut = read_script(folder, "journeys")
    assert cut == data | {"categories": data["categories"][:2]}


def test_the_site_gets_the_data_its_list_and_the_chart_library(workspace, tmp_path):
    dashboard.install(workspace, tmp_path)
    data = tmp_path / "dashboard" / "data"
    listed = re.search(r'"names":(\[.*?\])', (data / "contents.js").read_text(encoding="utf-8"))[1]
    assert set(json.loads(listed)) == {path.stem for path in data.glob("*.js")} - {"contents"}
    assert (tmp_path / "dashboard" / "plotly.min.js").stat().st_size > 1_000_000


def test_hostile_names_stay_inside_their_text(workspace):
    text = workspace.path("dashboard/forecasts.js").read_text(encoding="utf-8")
    assert "<" not in text
    assert HOSTILE in read_script(workspace, "forecasts")["models"]


def test_the_pages_use_the_colours_of_the_figures():
    text = (ROOT / "dashboard" / "dashboard.css").read_text(encoding="utf-8")
    assert re.findall(r"--series-\d: (#\w+);", text) == PALETTE


def test_terms_that_the_pages_link_to_are_in_the_glossary():
    glossary = (ROOT / "chapters" / "glossary.qmd").read_text(encoding="utf-8")
    linked = {
        anchor
        for path in (ROOT / "dashboard").glob("*.js")
        for anchor in re.findall(r'term\("([\w-]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(linked) > 10
    assert not [anchor for anchor in linked if f"{{#{anchor}}}" not in glossary]
