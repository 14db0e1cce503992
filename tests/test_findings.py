import html
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartrocket import figures, findings
from smartrocket.findings import Finding, escape_markdown, figure_html, show
from smartrocket.rendering import LEFTOVERS
from smartrocket.tables import cell, table
from smartrocket.wording import duration, joined, number, percent, plural
from smartrocket.workspace import Workspace


def draw() -> figures.Figure:
    figure, axes = figures.canvas(6, 3)
    axes.plot([1, 2, 3], [2, 1, 3], label="views & <carts>")
    axes.set(title="Views", xlabel="day")
    axes.legend()
    return figure


@pytest.fixture
def displayed(monkeypatch) -> list:
    shown: list = []
    monkeypatch.setattr(findings, "display", shown.append)
    return shown


def test_svg_is_well_formed_accessible_and_free_of_fixed_ink():
    drawing = figures.svg(draw(), "daily", 'Views rise to "3" & more')
    root = ElementTree.fromstring(drawing)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == 'Views rise to "3" & more'
    assert "\n" not in drawing
    for stand_in in figures.VARIABLES:
        assert stand_in not in drawing
    assert "var(--figure-muted" in drawing
    assert "var(--figure-ink" in drawing
    assert "DejaVu" not in drawing
    assert "http" not in drawing.replace("http://www.w3.org", "")


def test_what_is_read_aloud_has_no_marks():
    figure, _ = figures.canvas()
    drawing = figure_html(Finding("", figure, alt=f"**No** change of {escape_markdown('price_to_mean')}."), "n")
    assert 'aria-label="No change of price_to_mean."' in drawing


def test_svg_is_the_same_each_time_and_apart_from_others():
    first, again, other = (figures.svg(draw(), name, "alt") for name in ("one", "one", "two"))
    assert first == again
    ids = [set(re.findall(r'\bid="([^"]+)"', drawing)) for drawing in (first, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for drawing, own in zip((first, other), ids, strict=True):
        assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', drawing)) <= own


def test_figure_is_closed_when_it_is_drawn():
    figure = draw()
    figures.svg(figure, "closed", "alt")
    assert not figures.plt.fignum_exists(figure.number)


def test_canvas_has_as_many_axes_as_asked():
    _, axes = figures.canvas(8, 3, rows=2, columns=2)
    assert axes.shape == (2, 2)
    figures.plt.close("all")


def test_finding_is_shown_and_kept(displayed, tmp_path):
    workspace = Workspace(tmp_path)
    show(Finding("Views *rise*.", draw(), "Views & days", "They rise"), "daily", workspace)
    assert [type(part).__name__ for part in displayed] == ["HTML", "Markdown"]
    kept = (tmp_path / "figures" / "daily.html").read_text()
    assert kept == displayed[0].data + "\n"
    assert kept.startswith('<figure class="finding"><svg')
    assert "<figcaption>Views &amp; days</figcaption>" in kept
    assert displayed[1].data == "Views *rise*."
    assert (tmp_path / "figures" / "daily.md").read_text() == "Views *rise*.\n"


def test_finding_without_a_figure_says_so_in_the_chapters(displayed, tmp_path):
    show(Finding("No <prices>."), "prices", Workspace(tmp_path))
    assert [type(part).__name__ for part in displayed] == ["Markdown"]
    kept = (tmp_path / "figures" / "prices.html").read_text()
    assert kept == '<p class="finding-absent">No &lt;prices&gt;.</p>\n'
    show(Finding("Nothing kept."), "unkept")
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["prices.html", "prices.md"]
    assert (tmp_path / "figures" / "prices.md").read_text() == ""


def test_caption_stands_in_for_a_missing_alt_text():
    assert 'aria-label="The caption"' in figure_html(Finding("", draw(), "The caption"), "name")


def test_text_of_the_data_is_never_markup():
    escaped = escape_markdown("[a](b) *c* `d` <e> {{< f >}} # $g$ http-x @h ![i]")
    assert not set(escaped.replace("&#", "").replace(";", "")) & set("[]()*`<>{}#$@!_|~^&\\")
    assert escape_markdown(12) == "12"


def read_table(html: str) -> list[list[str]]:
    body = ElementTree.fromstring(re.search(r"<table.*</table>", html, re.DOTALL)[0])
    return [["".join(part.itertext()) for part in row] for row in body.iter("tr")]


def test_table_is_escaped_aligned_and_formatted():
    frame = pd.DataFrame(
        {
            "model <b>": ["zero & co", "tuned"],
            "rmsse": [1.23456, np.nan],
            "rows": [12345, -7],
            "sold": [True, False],
            "when": [pd.NaT, pd.Timestamp("2024-01-01")],
        }
    )
    shown = table(frame, "Scores <now>", {"rmsse": ".2f"}, highlight="tuned").data
    assert read_table(shown) == [
        ["model <b>", "rmsse", "rows", "sold", "when"],
        ["zero & co", "1.23", "12,345", "yes", "–"],
        ["tuned", "–", "−7", "no", "2024-01-01 00:00:00"],
    ]
    assert "<caption>Scores &lt;now&gt;</caption>" in shown
    assert shown.count('<tr class="highlight">') == 1
    assert shown.count('<th scope="row"') == 2
    assert '<th scope="col" class="number">rmsse</th>' in shown
    assert '<td class="number">12,345</td>' in shown
    assert read_table(table(frame.head(0), "Nothing").data) == [list(frame)]


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (None, ".2f", "–"),
        (float("nan"), None, "–"),
        (pd.NA, None, "–"),
        (0.123456, None, "0.123"),
        (12345.6, None, "12,346"),
        (1234567, None, "1,234,567"),
        (-0.5, None, "−0.5"),
        (0.5, ".1%", "50.0 %"),
        ("<a>", None, "&lt;a&gt;"),
    ],
)
def test_cells_are_readable(value, form, text):
    assert cell(value, form) == text


@given(st.text(), st.text())
def test_any_text_stays_text_in_a_table(name, value):
    shown = table(pd.DataFrame({name: [value]}), value).data
    inside = re.sub(r"</?(div|table|caption|thead|tbody|tr|th|td)( [a-z]+=\"[\w -]*\")*>", "", shown)
    assert "<" not in inside
    assert ">" not in inside


def test_no_renderer_takes_a_text_of_a_table_for_an_instruction():
    said = "{{< var x >}} @fig-a"
    assert not LEFTOVERS.search(html.unescape(table(pd.DataFrame({said: [said]}), said).data))


def test_wording():
    assert number(12345.6) == "12,346"
    assert number(0.5, 2) == "0.50"
    assert percent(0.1234) == "12.3 %"
    assert percent(1, 0) == "100 %"
    assert plural(1, "session") == "1 session"
    assert plural(1200, "category", "categories") == "1,200 categories"
    assert plural(0, "row") == "0 rows"
    assert [joined(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, "1 second"), (83, "83 seconds"), (2531, "42 minutes"), (4 * 3600, "4 hours"), (3 * 86400, "3 days")],
)
def test_durations_are_said_in_their_unit(seconds, said):
    assert duration(seconds) == said


def test_what_looks_like_an_instruction_of_the_renderer_is_only_text():
    text = "{{< var x >}} @fig-a [? ?var:x a@b.example"
    for shown in (cell(text, None), escape_markdown(text)):
        assert not LEFTOVERS.search(html.unescape(shown))
        assert html.unescape(shown).replace("\N{WORD JOINER}", "") == text
    assert escape_markdown("two\n\nparagraphs\0") == "two paragraphs "


@pytest.mark.parametrize("constrained", [True, False])
def test_a_figure_is_drawn_once_in_the_colours_of_the_page(monkeypatch, constrained):
    figure, axes = figures.canvas()
    axes.plot([1, 2, 3])
    if not constrained:
        figure.set_layout_engine("none")
    drawn = []
    plainly = figures.Figure.draw
    monkeypatch.setattr(figures.Figure, "draw", lambda self, renderer: drawn.append(self) or plainly(self, renderer))
    drawing = figures.svg(figure, "line", "A line that rises.")
    assert len(drawn) == 1
    assert "var(--figure-" in drawing
