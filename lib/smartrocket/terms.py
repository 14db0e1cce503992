"""Links from the first use of each term on a page to its entry in the glossary."""

import html
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

GLOSSARY = Path("chapters/glossary.html")

ENTRY = re.compile(
    r'<section\b[^>]*\bid="([\w-]+)"[^>]*>\s*<h3\b[^>]*>(.*?)</h3>|<h3\b[^>]*\bid="([\w-]+)"[^>]*>(.*?)</h3>', re.DOTALL
)

ALSO = {
    "add-to-cart": ("adds to cart",),
    "adida": ("ADIDA", "IMAPA"),
    "croston": ("Croston", "SBA", "TSB"),
    "category-tree": ("tree of categories",),
    "cold-start": ("starts cold",),
    "top-category": ("top categories",),
    "co-occurrence": ("viewed also",),
    "gini": ("Gini",),
    "intermittent-demand": ("intermittent",),
    "lorenz-curve": ("Lorenz",),
    "naive": ("naive",),
    "next-item": ("next items",),
    "pit": ("places in its forecast distribution",),
    "popularity": ("popularity",),
    "seen-items": ("items already seen",),
    "session-neighbours": ("STAN", "VSTAN", "SKNN", "VSKNN", "VS-kNN"),
    "shap": ("SHAP",),
    "split": ("test weeks", "training", "validation"),
    "tweedie": ("Tweedie",),
    "zipf": ("Zipf",),
}
"""Other words for an entry's term, where its heading is not how it is used in a sentence."""

AMBIGUOUS = frozenset({"break", "gate", "loss", "profile"})
"""Terms whose words mean something else, too: they are linked by hand where the term is meant."""

SHOWN_IN = frozenset({"p", "li", "td"})
NOT_IN = frozenset({"a", "code", "pre", "svg", "script", "style", "th", "caption", "figcaption", "details", "button"})
VOID = frozenset({"br", "img", "link", "meta", "hr", "input", "source", "col", "wbr"})


def read_terms(page: str) -> dict[str, str]:
    """Return the words of the glossary, in small letters, and the id of the entry that explains each."""
    words: dict[str, str] = {}
    for match in ENTRY.finditer(page):
        name, heading = match[1] or match[3], match[2] or match[4]
        term = html.unescape(re.sub(r"<[^>]+>|#$", "", heading)).strip()
        if name not in AMBIGUOUS:
            for word in (term, *ALSO.get(name, ())):
                words[word.lower()] = name
    return words


def find_words(words: Mapping[str, str]) -> re.Pattern:
    """Return a pattern that finds any of the words, the longest first, also in the plural."""
    written = sorted(words, key=len, reverse=True)
    return re.compile(rf"(?<![\w@-])({'|'.join(map(re.escape, written))})(?:e?s)?(?![\w@-])", re.IGNORECASE)


class Linker(HTMLParser):
    """Finds the first use of each term in the text of a page: `edits` are (offset, end, entry)."""

    def __init__(self, page: str, words: Mapping[str, str]):
        """Read a page."""
        super().__init__(convert_charrefs=False)
        self.words = words
        self.pattern = find_words(words)
        self.open: list[str] = []
        # How many elements were open when a note began, such as the banner of every page.
        self.note: int | None = None
        self.edits: list[tuple[int, int, str]] = []
        self.linked: set[str] = set()
        self.lines = [0]
        for line in page.splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line))
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note that an element is open, and which entries are linked by hand."""
        if tag not in VOID:
            self.open.append(tag)
        given = dict(attributes)
        address = given.get("href") or ""
        if self.note is None and "callout" in (given.get("class") or ""):
            self.note = len(self.open)
        if tag == "a" and "glossary.html#" in address and "main" in self.open:
            self.linked.add(address.rsplit("#", 1)[1])

    def handle_endtag(self, tag: str) -> None:
        """Close the element."""
        if tag in self.open:
            while self.open.pop() != tag:
                pass
        if self.note is not None and len(self.open) < self.note:
            self.note = None

    def handle_data(self, data: str) -> None:
        """Look for terms in a text that a reader reads as prose."""
        if (
            self.note is not None
            or "main" not in self.open
            or NOT_IN.intersection(self.open)
            or not SHOWN_IN.intersection(self.open)
        ):
            return
        line, column = self.getpos()
        start = self.lines[line - 1] + column
        for match in self.pattern.finditer(data):
            entry = self.words[match[1].lower()]
            if entry not in self.linked:
                self.linked.add(entry)
                self.edits.append((start + match.start(), start + match.end(), entry))


def link_terms(page: str, words: Mapping[str, str], glossary: str) -> str:
    """Return a page whose first use of each term is a link; `glossary` is the address of the glossary from it."""
    if not words:
        return page
    pieces, done = [], 0
    for start, end, entry in Linker(page, words).edits:
        pieces += [page[done:start], f'<a class="term" href="{glossary}#{entry}">{page[start:end]}</a>']
        done = end
    return "".join([*pieces, page[done:]])


def link_site(site: Path) -> None:
    """Link the first use of each term on every page of the report, where the site has a glossary."""
    source = site / GLOSSARY
    if not source.is_file():
        return
    words = read_terms(source.read_text(encoding="utf-8"))
    for page in [site / "index.html", *sorted(site.glob("chapters/*.html")), *sorted(site.glob("analysis/*.html"))]:
        if page != source and page.is_file():
            up = "" if page.parent == site else "../"
            text = page.read_text(encoding="utf-8")
            page.write_text(link_terms(text, words, f"{up}{GLOSSARY.as_posix()}"), encoding="utf-8")
