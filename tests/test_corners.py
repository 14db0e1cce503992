"""The shops at the edge of what a shop is: nothing is wrong with their files. `make corners` builds their reports."""

import subprocess
from random import Random

import pandas as pd
import pytest
from pyarrow import parquet

import corners
import mutations
from smartrocket.files import write_json, write_parquet_frame
from smartrocket.identifiers import NO_CATEGORY


@pytest.mark.parametrize("name", corners.CORNERS)
def test_cleaning_keeps_every_event(name, tmp_path):
    shop = corners.Shop(Random(name))
    corners.CORNERS[name](shop)
    shop.write(tmp_path / "raw")
    # The generated parts of a shop have other names than the files of one's own.
    (tmp_path / "raw" / "item_properties.csv").rename(tmp_path / "raw" / "item_properties_part1.csv")
    header = (tmp_path / "raw" / "item_properties_part1.csv").read_text().splitlines()[0]
    (tmp_path / "raw" / "item_properties_part2.csv").write_text(header + "\n")
    write_json(tmp_path / "shop.json", {"generated": False, "profile": "own_shop", "title": name})
    mutations.run_stages(tmp_path)
    assert parquet.read_metadata(tmp_path / "interim" / "events.parquet").num_rows == len(shop.events)
    assert parquet.read_metadata(tmp_path / "interim" / "categories.parquet").num_rows == corners.CATEGORY_COUNT


class Finished:
    """A copy of the project whose make has ended already."""

    def __init__(self, folder, command: str, kept: int, category: int):
        self.folder, self.command, self.category = folder, command, category
        facts = {"events_rows_in": {"value": kept}, "events_rows_kept": {"value": kept}}
        self.results = {"notebook": "02_cleaning", "facts": facts, "scores": []}

    def start(self, *words: str) -> subprocess.Popen:
        assert words[0] == "report"
        write_json(self.folder / "build/own_shop/results/02_cleaning.json", self.results)
        forecasts = pd.DataFrame({"level": ["category", "total"], "series": [self.category, 0]})
        write_parquet_frame(self.folder / "build/own_shop/processed/forecasts.parquet", forecasts)
        (self.folder / "_site").mkdir()
        return subprocess.Popen(["sh", "-c", self.command], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("command", "kept", "category", "said"),
    [
        ("true", 1, 8, None),
        ("true", 1, NO_CATEGORY, None),
        ("echo Traceback; exit 2", 1, 8, "it ended in: Traceback"),
        ("true", 0, 8, "its ledger has 0 events and keeps 0, of 1 good ones"),
        ("true", 1, 9, "its forecasts are of ['category 9'], which it does not have"),
    ],
)
def test_what_is_wrong_with_a_report_is_told(command, kept, category, said, tmp_path):
    found = corners.try_corner(Finished(tmp_path, command, kept, category), "one row", tmp_path / "shop")
    assert (found or "").strip() == (said or "")
