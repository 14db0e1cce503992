"""The report of a third whole shop, which is in all things unlike the other two that the tests build."""

import pytest
import yaml

from accessibility import COLOURS, find_barriers
from claims import Report, check_claims
from shops import write_regulars
from smartrocket.rendering import read_pages
from test_browser import open_pages, start_chromium

pytestmark = [pytest.mark.chain, pytest.mark.nightly]
NAMES = {"timestamp": "time_ms", "visitorid": "customer", "event": "action", "itemid": "product"}


@pytest.fixture(scope="module")
def report(copy_project, tmp_path_factory):
    """The project with the report of the shop of regulars, whose owner has edited the profile for one's own shop."""
    folder = tmp_path_factory.mktemp("shops") / "regulars"
    write_regulars(folder, NAMES)
    project = copy_project("regulars")
    own, tiny = (project.path(f"params/{name}.yaml") for name in ("own_shop", "ci"))
    profile, sizes = (yaml.safe_load(path.read_text()) for path in (own, tiny))
    # Models as small as those of the tiny shop; the network has nearly all of the blend, for which it is too small.
    profile |= {section: values for section, values in sizes.items() if section[:2] in ("04", "05", "06", "07")}
    profile["06_gru4rec_baseline"]["blend_weight"] = 0.9
    profile["shared"]["time_zone"] = "Europe/Berlin"
    profile["raw"]["columns"] = NAMES
    own.write_text(yaml.safe_dump(profile))
    project.shop = folder
    return project.build("report", f"SHOP={folder}")


def test_the_chapters_say_what_the_results_hold(report):
    check_claims(report.folder, "own_shop")


def test_the_sentences_take_other_branches_than_those_of_the_other_shops(report):
    told = Report(report.folder, "own_shop")
    for page, words in {
        "index": ["it beats every baseline", "Europe/Berlin"],
        "overview": ["the model beats every simple rule", "the files hold no prices"],
        "data": ["Nothing in this log stands out.", "0 also add to cart", "no sign of a purchase"],
        "processing": ["Each item-day has 0 adds to cart", "hold no properties of items"],
        "audit": ["This shop has no prices to lose."],
        "performance": ["the mean of all items"],
        "lessons": ["(Europe/Berlin) holds", "does not hold"],
    }.items():
        text = told.page(page)
        assert [word for word in words if word not in text] == [], page
    assert told.fact("07", "enough_test_events")


def test_columns_of_other_names_are_mapped(report):
    header, *rows = (report.shop / "events.csv").read_text().splitlines()
    assert header == "time_ms,customer,action,product,transactionid"
    assert Report(report.folder, "own_shop").fact("02", "events_rows_in") == len(rows)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_of_every_page_can_be_told_apart(report, scheme):
    """In `make test`, those of the six pages that have all colours are looked at."""
    site = report.path("_site")
    names = [page.path.relative_to(site).as_posix() for page in read_pages(site)]
    with start_chromium() as browser:
        found = open_pages(browser, names, site.as_uri(), (1280,), scheme, lambda page: find_barriers(page, COLOURS))
    assert found == []
