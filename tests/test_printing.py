"""The printed report has every page once, and its links stay within it."""

import re

import pytest

from fake_build import make_project
from smartrocket import printing
from smartrocket.errors import InputError
from smartrocket.printing import find_addresses, join_pages, move_links, print_report
from smartrocket.publishing import publish
from test_browser import CHROMIUM

PLACES = {"index.html": "page-1", "chapters/a.html": "page-2", "chapters/b.html": "page-3"}


@pytest.mark.parametrize(
    ("content", "moved"),
    [
        ('<h2 id="x">A</h2>', '<h2 id="page-2-x">A</h2>'),
        ('<a href="#x">', '<a href="#page-2-x">'),
        ('<a href="b.html#y">', '<a href="#page-3-y">'),
        ('<a href="../index.html">', '<a href="#page-1">'),
        ('<a href="../downloads/t.csv">', '<a href="downloads/t.csv">'),
        ('<a href="https://example.org/#x">', '<a href="https://example.org/#x">'),
        ('<img src="../theme/p.png">', '<img src="theme/p.png">'),
        ('<path clip-path="url(#c)"/>', '<path clip-path="url(#page-2-c)"/>'),
        ('<use xlink:href="#m"/>', '<use xlink:href="#page-2-m"/>'),
        ('<p aria-labelledby="a b">', '<p aria-labelledby="page-2-a page-2-b">'),
        ("<nav>here</nav><p>x</p><script>y()</script>", "<p>x</p>"),
        ('<code>see id="x"</code>', '<code>see id="x"</code>'),
    ],
)
def test_names_are_the_pages_own_and_links_follow(content, moved):
    assert move_links(content, "chapters/a.html", PLACES) == moved


def test_the_sidebar_is_read_with_all_its_sections():
    contents = ["a.qmd", {"section": "S", "contents": [{"href": "b.qmd", "text": "B"}, "c.ipynb"]}, {"href": "d.qmd"}]
    assert list(find_addresses(contents)) == ["a.qmd", "b.qmd", "c.ipynb", "d.qmd"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = make_project(tmp_path_factory.mktemp("project"))
    publish("demo", project)
    return project


def test_all_pages_are_joined_and_every_link_within_leads_somewhere(project):
    pages = printing.list_pages(project)
    text = join_pages(project / "_site", pages, "A report", "a <shop>")
    ids = re.findall(r'\sid="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert [f"page-{number}" for number in range(1, len(pages) + 1)] == [
        name for name in ids if re.fullmatch(r"page-\d+", name)
    ]
    missing = set(re.findall(r'href="#([^"]+)"', text)) - set(ids)
    assert not missing
    assert "<nav" not in text
    assert "<script" not in text
    assert "a &lt;shop&gt;" in text


def test_without_a_site_the_command_is_named(tmp_path):
    with pytest.raises(InputError, match="make report"):
        print_report(tmp_path)


def test_a_page_that_is_missing_is_named(project):
    with pytest.raises(InputError, match=r"nowhere\.html"):
        join_pages(project / "_site", ["nowhere.html"], "A report", "a shop")


@pytest.mark.browser
def test_the_report_is_printed(project):
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    path = print_report(project)
    content = path.read_bytes()
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= len(printing.list_pages(project))
    assert sorted(each.name for each in (project / "_site").iterdir() if each.suffix in (".pdf", ".html")) == [
        "index.html",
        "report.pdf",
    ]
