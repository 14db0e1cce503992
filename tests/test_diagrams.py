"""The drawing of the way of the data names what the run counted, and leaves out what a shop does not have."""

import pytest

from fake_build import SHOP
from smartrocket.diagrams import draw_way
from smartrocket.findings import figure_html
from smartrocket.summary import Run

COUNTS = {
    "01_eda": {"rows_events": 1234, "rows_properties": 99, "rows_categories": 1},
    "02_cleaning": {"events_rows_kept": 1200, "item_properties_rows_kept": 80},
    "03_features": {"panel_rows": 5678, "train_sequences": 45, "related_pairs": 67},
}


def run_of(counts):
    facts = {name: {key: {"value": value, "unit": "rows"} for key, value in of.items()} for name, of in counts.items()}
    return Run({"notebook": name, "facts": of, "scores": []} for name, of in facts.items())


def test_the_boxes_hold_the_counts_of_the_run():
    finding = draw_way(run_of(COUNTS), SHOP)
    drawing = figure_html(finding, "way")
    for text in ("1,234 rows", "99 rows", "1 row<", "1,200 rows", "5,678 item-days", "45 for training", "67 pairs"):
        assert text in drawing
    assert "1,234 rows of events became 1,200 clean ones" in finding.reading


@pytest.mark.parametrize("missing", ["has_properties", "has_category_tree"])
def test_a_file_that_is_not_there_is_not_given(missing):
    drawing = figure_html(draw_way(run_of(COUNTS), SHOP | {missing: False}), "way")
    assert drawing.count("not given") == 1


def test_without_counts_no_number_is_shown():
    finding = draw_way(run_of({}), SHOP)
    assert "In this run" not in finding.reading
    assert "not counted" in figure_html(finding, "way")
