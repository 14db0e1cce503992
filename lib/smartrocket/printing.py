"""The report on paper: the site's pages in the order of the sidebar, as one PDF with one set of page numbers.

Quarto can make PDFs by itself, from Markdown. Here the figures and tables are HTML, which would be lost on that way, so
the pages that were rendered are printed by Chromium, whichever renderer made them.
"""

import html
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

from smartrocket.errors import InputError
from smartrocket.files import read_json, replacing

MAIN = re.compile(r'<main\b[^>]*\bid="quarto-document-content"[^>]*>(.*)</main>', re.DOTALL)
TITLE = re.compile(r'<h1 class="title">(.*?)</h1>', re.DOTALL)
STYLESHEETS = re.compile(r'<link\b[^>]*\brel="stylesheet"[^>]*>')
# What pages that are read on a screen have and a sheet of paper cannot use.
SCRIPTS = re.compile(r"<script\b.*?</script>|<nav\b.*?</nav>", re.DOTALL)
ATTRIBUTE = re.compile(
    r'(?P<before>\s)(?P<name>id|name|href|src|xlink:href|aria-labelledby|aria-describedby|aria-controls|for)="(?P<value>[^"]*)"'
)
PAINT = re.compile(r"url\(#([^)]*)\)")
VERBATIM = re.compile(r"(<(?:pre|code)\b.*?</(?:pre|code)>)", re.DOTALL)
INTERACTIVE = "dashboard/"
"""Pages under this folder are to be used, not read: they are left out."""


def print_report(root: Path) -> Path:
    """Print the built site of the project in `root` as `_site/report.pdf`; returns its path.

    Raises InputError when there is no site or no Chromium.
    """
    from playwright.sync_api import sync_playwright

    site = root / "_site"
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not (site / "built.json").is_file():
        raise InputError("_site/ holds no report yet: build it with `make report`.")
    if chromium is None:
        raise InputError("the report is printed with Chromium: apt install chromium.")
    title = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))["website"]["title"]
    profile = read_json(site / "built.json")["profile"]
    shop = read_json(root / "build" / profile / "shop.json")["title"]
    text = join_pages(site, list_pages(root), title, shop)
    # Beside the pages, so that styles and pictures are found.
    with tempfile.NamedTemporaryFile("w", suffix=".html", dir=site, encoding="utf-8") as sheet:
        sheet.write(text)
        sheet.flush()
        with sync_playwright() as playwright, replacing(site / "report.pdf") as printed:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
            )
            page = browser.new_page(color_scheme="light")
            page.goto(Path(sheet.name).as_uri())
            page.pdf(
                path=printed,
                format="A4",
                margin={"top": "18mm", "bottom": "18mm", "left": "17mm", "right": "17mm"},
                print_background=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=f'<div style="{FOOTER}"><span>{html.escape(title)} · {html.escape(shop)}</span>'
                '<span><span class="pageNumber"></span> / <span class="totalPages"></span></span></div>',
                outline=True,
                tagged=True,
            )
            browser.close()
    return site / "report.pdf"


FOOTER = "font:7.5pt sans-serif;color:#555;width:100%;margin:0 17mm;display:flex;justify-content:space-between"


def list_pages(root: Path) -> list[str]:
    """Return the pages of the report in the order of the sidebar, by their addresses in the site."""
    settings = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
    addresses = find_addresses(settings["website"]["sidebar"]["contents"])
    pages = [re.sub(r"\.(qmd|ipynb|md)$", ".html", address) for address in addresses]
    return [page for page in pages if not page.startswith(INTERACTIVE)]


def find_addresses(contents: list) -> Iterator[str]:
    """Yield the addresses of a sidebar's entries, sections and all."""
    for entry in contents:
        if isinstance(entry, str):
            yield entry
            continue
        if entry.get("href"):
            yield entry["href"]
        yield from find_addresses(entry.get("contents", []))


def join_pages(site: Path, pages: list[str], title: str, shop: str) -> str:
    """Return one HTML page with a cover, a list of contents and the content of all pages.

    Links between the pages become links within the document. Raises InputError for a page that is not in the site.
    """
    places = {page: f"page-{number}" for number, page in enumerate(pages, start=1)}
    parts, listed = [], []
    for page, place in places.items():
        path = site / page
        if not path.is_file():
            raise InputError(f"the sidebar names {page}, which _site/ does not have: build it with `make report`.")
        text = path.read_text(encoding="utf-8")
        found, heading = MAIN.search(text), TITLE.search(text)
        if found is None or heading is None:
            raise InputError(f"_site/{page} has no content that could be printed: build it with `make report`.")
        listed.append(f'<li><a href="#{place}">{heading[1].strip()}</a></li>')
        parts.append(f'<section class="sheet" id="{place}">{move_links(found[1], page, places)}</section>')
    styles = "\n".join(STYLESHEETS.findall((site / "index.html").read_text(encoding="utf-8")))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>{styles}</head>'
        '<body class="printed"><main class="content" id="quarto-document-content">'
        f'<section class="sheet cover"><h1>{html.escape(title)}</h1><p>The report of {html.escape(shop)}</p>'
        f"<ol>{''.join(listed)}</ol></section>{''.join(parts)}</main></body></html>"
    )


def move_links(content: str, page: str, places: dict[str, str]) -> str:
    """Return a page's content with names of its own, so that those of all pages stay apart, and links that follow."""
    own, folder = places[page], Path(page).parent

    def follow(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme or parts.netloc or value == "#":
            return value
        if not parts.path:
            return f"#{own}-{parts.fragment}"
        # Path.resolve would need the folders to exist; this is the same for addresses.
        target = re.sub(r"[^/]+/\.\./", "", (folder / unquote(parts.path)).as_posix())
        if target in places:
            return f"#{places[target]}-{parts.fragment}" if parts.fragment else f"#{places[target]}"
        return target

    def rename(match: re.Match) -> str:
        name, value = match["name"], match["value"]
        if name in ("href", "src", "xlink:href"):
            value = html.escape(follow(html.unescape(value)), quote=True)
        elif name != "name":
            value = " ".join(f"{own}-{each}" for each in value.split())
        return f'{match["before"]}{name}="{value}"'

    pieces = VERBATIM.split(SCRIPTS.sub("", content))
    # The split yields text, verbatim element, text and so on; code is shown as it is written.
    pieces[::2] = [PAINT.sub(rf"url(#{own}-\1)", ATTRIBUTE.sub(rename, piece)) for piece in pieces[::2]]
    return "".join(pieces)
