"""The rendered site is whole: all is resolved, every link leads somewhere, nothing comes from other hosts."""

import re
import stat
from itertools import pairwise

import pytest

from fake_build import make_project
from smartrocket import rendering, terms
from smartrocket.errors import InputError
from smartrocket.files import write_text
from smartrocket.publishing import publish

NOTES = ("index.html", "chapters/glossary.html", "analysis/01_eda.html", "analysis/07_gru4rec_tuning.html")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    project = make_project(tmp_path_factory.mktemp("project"))
    publish("demo", project)
    return project / "_site"


@pytest.fixture
def page(tmp_path):
    """Write a site of one page with this body, and return its folder."""

    def write(body: str, head: str = ""):
        write_text(tmp_path / "index.html", f"<html><head>{head}</head><body>{body}</body></html>")
        return tmp_path

    return write


def test_a_site_has_all_pages_and_no_mistakes(site):
    pages = {page.path.relative_to(site).as_posix() for page in rendering.read_pages(site)}
    assert pages.issuperset(NOTES)
    assert rendering.find_problems(site) == []


def test_every_page_has_the_banner_one_title_and_the_renderer(site):
    for page in rendering.read_pages(site):
        text = " ".join(page.texts)
        assert "generated shop" in text, page.path
        assert page.headings.count(1) == 1, page.path
        assert re.search(r"Rendered with\s+(Quarto|smalldocs) [\d.]+", text), page.path


def test_headings_do_not_skip_a_level(site):
    for page in rendering.read_pages(site):
        main = [level for level in page.headings if level > 1]
        assert not main or main[0] == 2, page.path
        assert all(after <= before + 1 for before, after in pairwise(main)), page.path


def test_parameters_are_hidden_and_code_is_folded(site):
    text = (site / "analysis/01_eda.html").read_text(encoding="utf-8")
    assert "build/lab" not in text
    assert "<details" in text
    assert "#|" not in text


def test_every_page_links_the_terms_that_it_uses(site):
    words = terms.read_terms((site / terms.GLOSSARY).read_text(encoding="utf-8"))
    assert len(words) > 80
    assert words["croston"] == "croston"
    linked = 0
    for page in [site / "index.html", *sorted(site.glob("chapters/*.html")), *sorted(site.glob("analysis/*.html"))]:
        if page.name != "glossary.html":
            text = page.read_text(encoding="utf-8")
            linked += text.count('class="term"')
            # Nothing is left to link.
            assert terms.Linker(text, words).edits == [], page.name
    assert linked > 50


def test_the_search_index_holds_every_page(site):
    index = (site / "search.json").read_text(encoding="utf-8")
    assert all(name in index for name in NOTES)


def test_a_failed_rendering_leaves_the_site_as_it_was(tmp_path):
    project = make_project(tmp_path)
    publish("demo", project)
    before = (project / "_site/index.html").read_bytes()
    write_text(project / "chapters/data.qmd", "---\ntitle: Data\n---\n\n[nowhere](missing.qmd)\n")
    with pytest.raises(InputError, match=r"broken link"):
        publish("demo", project)
    assert (project / "_site/index.html").read_bytes() == before
    assert [path.name for path in project.glob("*_site*")] == ["_site"]


def test_quarto_is_preferred_and_its_failure_is_told(tmp_path, monkeypatch):
    project = make_project(tmp_path)
    command = tmp_path / "bin" / "quarto"
    write_text(
        command,
        '#!/bin/sh\ncase "$1" in --version) echo 1.10.19;; *) echo "ERROR: bad page" >&2; exit 1;; esac\n',
    )
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(command.parent), prepend=":")
    with pytest.raises(InputError, match="ERROR: bad page"):
        publish("demo", project)


def test_the_renderer_is_named_on_the_page(page):
    site = page('<footer>Rendered with <span class="renderer">something</span></footer>')
    rendering.finish(site, "Quarto 1.10.19")
    assert '<span class="renderer">Quarto 1.10.19</span>' in (site / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "rule",
    [
        '@import url("https://fonts.googleapis.com/css2?family=Lato:ital,wght@0,400;0,700&display=swap");',
        "@import url(https://fonts.googleapis.com/css2?family=Lato:ital,wght@0,400;0,700&display=swap);",
        '@import"https://fonts.googleapis.com/css2?family=Lato:ital,wght@0,400;0,700&display=swap";',
        "@import '//fonts.example/x.css' screen;",
    ],
)
def test_web_fonts_are_dropped_and_the_rest_stays(page, rule):
    site = page("<h1>x</h1>", head=f"<style>{rule}b{{color:red}}</style>")
    write_text(site / "theme.css", f"{rule}a{{color:red}}")
    rendering.finish(site, "x")
    assert (site / "theme.css").read_text(encoding="utf-8") == "a{color:red}"
    assert "<style>b{color:red}</style>" in (site / "index.html").read_text(encoding="utf-8")
    assert rendering.find_problems(site) == []


def test_scripts_and_links_of_other_hosts_are_dropped(page):
    loader = "<script>define('jquery', [],function() {return window.jQuery;})</script>"
    site = page(
        '<a href="https://quarto.org">Quarto</a><script src="own.js"></script>',
        head='<link rel="preconnect" href="https://fonts.example">'
        '<link rel="stylesheet" href="//cdn.example/x.css">'
        f'<script src="https://cdn.example/require.js" integrity="sha512-x"></script>{loader}',
    )
    write_text(site / "own.js", "")
    rendering.finish(site, "x")
    text = (site / "index.html").read_text(encoding="utf-8")
    assert "example" not in text
    assert "jQuery" not in text
    assert 'href="https://quarto.org"' in text
    assert 'src="own.js"' in text


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<p>{{&lt; var eda.rows &gt;}}</p>", "was not resolved"),
        ("<p>see @fig-days</p>", "@fig-days was not resolved"),
        ("<p>[?] says</p>", "was not resolved"),
        ("<p>?var:eda.rows</p>", "was not resolved"),
        ('<img src="https://example.org/x.png" alt="">', "loads https://example.org/x.png"),
        ('<img src="data:image/png;base64,AA">', "no text alternative"),
        ('<svg role="img"></svg>', "no text alternative"),
        ('<a href="missing.html">x</a>', "broken link missing.html"),
        ('<a href="#nowhere">x</a>', "broken link #nowhere"),
    ],
)
def test_mistakes_are_found(page, body, problem):
    problems = rendering.find_problems(page(body))
    assert len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize(
    "body",
    [
        '<a href="#here">x</a><p id="here">mail@figures.example</p>',
        "<pre><code>{{&lt; var eda.rows &gt;}} and @fig-days</code></pre>",
        '<a href="https://example.org">x</a><a href="">y</a><img src="data:image/png;base64,AA" alt="a dot">',
    ],
)
def test_what_is_right_is_left_alone(page, body):
    assert rendering.find_problems(page(body)) == []


def test_per_cent_signs_stay_with_their_numbers_but_code_is_untouched(page):
    site = page("<p>12.3 % of all</p><code>7 % 3</code><pre>7 % 3</pre><p title='5 % x'>4 % <b>x</b></p>")
    rendering.finish(site, "x")
    text = (site / "index.html").read_text(encoding="utf-8")
    assert "12.3\u00a0% of all" in text
    assert "4\u00a0% <b>" in text
    assert "<code>7 % 3</code><pre>7 % 3</pre><p title='5 % x'>" in text
