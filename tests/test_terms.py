"""The first use of each term on a page leads to the glossary, and nothing else is touched."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartrocket import terms

WORDS = {"session": "session", "next item": "next-item", "item": "item", "hit rate": "hit-rate"}


def link(body: str) -> str:
    """Link the terms of a page's body."""
    page = f"<html><body><p>a session outside</p><main>{body}</main></body></html>"
    return terms.link_terms(page, WORDS, "g.html").split("<main>")[1].split("</main>")[0]


def test_the_first_use_is_linked_and_only_it():
    assert link("<p>A session. Another session.</p>") == (
        '<p>A <a class="term" href="g.html#session">session</a>. Another session.</p>'
    )


def test_plurals_capitals_and_longer_terms_are_found():
    text = link("<p>Sessions and next items; each item.</p>")
    assert '#session">Sessions</a>' in text
    assert '#next-item">next items</a>' in text
    assert '#item">item</a>' in text


@pytest.mark.parametrize(
    "body",
    [
        "<p><code>session</code></p>",
        '<p><a href="x.html">session</a></p>',
        "<h2>The session</h2>",
        "<pre>session</pre>",
        "<table><tr><th>session</th></tr><caption>session</caption></table>",
        '<div class="callout callout-note"><div><p>A session</p></div></div>',
        "<p>a sessionid, a pre-session, user@session</p>",
        '<svg><text>session</text></svg><p title="session">x</p>',
    ],
)
def test_what_is_no_prose_is_left_alone(body):
    assert link(body) == body


def test_a_use_after_a_link_by_hand_or_a_note_is_seen():
    assert 'class="term"' not in link('<p><a href="../chapters/glossary.html#session">visit</a>, a session</p>')
    assert 'class="term"' in link('<div class="callout"><p>A note</p></div><p>A session</p>')


@given(st.text(alphabet="sesion <>&;p/\n", max_size=60))
def test_without_the_links_a_page_is_as_it_was(body):
    page = f"<main><p>{body} session</p></main>"
    linked = terms.link_terms(page, WORDS, "g.html")
    assert re.sub(r'<a class="term" href="g.html#[\w-]+">(.*?)</a>', r"\1", linked) == page
