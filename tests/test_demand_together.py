"""What is bought together is counted right, and its forecast stands beside it."""

import ibis
import pandas as pd
import pytest

from smartrocket import demand_together
from smartrocket.findings import figure_html

FORECASTS = {1: 3.0, 2: 1.0, 3: 0.5, 4: 9.0}


def make_upcoming(forecasts=FORECASTS):
    rows = [("item", item, 0, units, 0, 5) for item, units in forecasts.items()] + [("total", 0, 0, 13.5, 5, 20)]
    return pd.DataFrame(rows, columns=["level", "series", "day", "forecast", "low_80", "high_80"])


def make_events(event, *sessions):
    rows = [(number, event, item) for number, items in enumerate(sessions) for item in items]
    return ibis.memtable(pd.DataFrame(rows, columns=["sessionid", "event", "itemid"]))


def test_pairs_are_counted_once_a_session():
    events = make_events("transaction", [1, 2], [1, 2, 2], [1, 2], [1], [1, 3], [3], [4], [9, 1])
    company = demand_together.find_company(make_upcoming(), events)
    assert (company.item, company.sessions, company.kind) == (1, 6, "transaction")
    (partner,) = company.partners
    assert (partner.item, partner.together) == (2, 3)
    assert partner.share == pytest.approx(0.5)
    assert partner.low < 0.5 < partner.high
    # By chance 6 of 8 sessions hold item 1, and 3 of 8 item 2.
    assert partner.lift == pytest.approx(3 * 8 / (6 * 3), rel=1e-6)
    text = demand_together.describe_company(company, 7)
    assert "Item 2 was bought in 3 of them, 50.0 %" in text
    assert "1.50 of them come together with item 2" in text
    assert "nothing is to be added" in text


def test_the_item_that_sells_most_leads():
    events = make_events("transaction", *[[2, 3]] * 3, *[[1, 3]] * 3)
    assert demand_together.find_company(make_upcoming(), events).item == 1


def test_views_stand_in_where_nothing_is_bought_together():
    events = make_events("view", *[[1, 2]] * 4).union(make_events("transaction", [1], [2]))
    company = demand_together.find_company(make_upcoming(), events)
    assert company.kind == "view"
    text = demand_together.describe_company(company, 7)
    assert "interest, not sales" in text
    assert "come together with" not in text


def test_without_pairs_or_forecasts_there_is_no_example():
    events = make_events("transaction", [1, 2], [1, 2], [3], [4])
    assert demand_together.find_company(make_upcoming(), events) is None
    assert demand_together.find_company(make_upcoming({}), make_events("transaction", *[[1, 2]] * 9)) is None
    assert demand_together.show_company(None, 7).figure is None


def test_the_figure_names_both():
    events = make_events("transaction", *[[1, 2, 3]] * 4)
    finding = demand_together.show_company(demand_together.find_company(make_upcoming(), events), 7)
    drawing = figure_html(finding, "together")
    for words in ("item 1", "item 2", "item 3", "forecast: 3.00 units", "4 of 4 purchases: 100 %"):
        assert words in drawing
