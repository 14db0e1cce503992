"""From pages to a website: Quarto where it is installed, else its fallback, and what both leave to do."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from smartrocket.errors import InputError
from smartrocket.files import replacing
from smartrocket.terms import link_site

# The only page that states measured times and memory.
MEASURED_PAGE = "chapters/performance.html"
DOWNLOADS = "downloads"
"""The folder of the project, and then of the site, that holds what readers may take away."""

FOREIGN = r"(?:https?:)?//"
# A web font's address may hold semicolons, so each way to write @import is matched to its own end.
FOREIGN_IMPORTS = re.compile(
    rf"""@import\s*(?:url\(\s*)?(?:"{FOREIGN}[^"]*"|'{FOREIGN}[^']*')\s*\)?[^;]*;|@import\s*url\(\s*{FOREIGN}[^)]*\)[^;]*;"""
)
FOREIGN_LINKS = re.compile(
    rf"""<link\b(?=[^>]*\brel="(?:stylesheet|preconnect|preload|dns-prefetch)")[^>]*\bhref="{FOREIGN}[^>]*>\s*"""
)
FOREIGN_SCRIPTS = re.compile(rf"""<script\b[^>]*\bsrc="{FOREIGN}[^>]*>\s*</script>\s*""")
# Quarto writes this line for the module loader that is removed above; alone it would be an error.
LOADER_LINE = re.compile(r"<script\b[^>]*>define\('jquery'.*?</script>\s*", re.DOTALL)
RENDERER = re.compile(r'(<span class="renderer">).*?(</span>)', re.DOTALL)
# Both renderers leave these parts of the frame without a name that a screen reader could tell them apart by.
FRAMES = {
    '<nav class="navbar': '<nav aria-label="Site" class="navbar',
    '<nav id="quarto-sidebar"': '<nav aria-label="Pages of the report" id="quarto-sidebar"',
    '<nav class="quarto-secondary-nav': '<nav aria-label="Place of this page" class="quarto-secondary-nav',
    '<nav class="page-navigation': '<nav aria-label="Previous and next page" class="page-navigation',
    # The links that fold a menu claim to be landmarks; they are buttons.
    'role="navigation" aria-expanded': 'role="button" aria-expanded',
}
VERBATIM = re.compile(r"(<(script|style|pre|code)\b.*?</\2>)", re.DOTALL)
# What is left where a shortcode, a cross-reference or a citation was not understood.
LEFTOVERS = re.compile(r"\{\{(?:<|&lt;)|(?<![\w.])@(?:fig|tbl|sec|eq)-\w+|\[\?|\?(?:var|meta|include):\S+")


def render(root: Path, output: Path, complete: Callable[[Path], None]) -> str:
    """Render the website project in `root` into the folder `output`; returns the renderer's name and version.

    `complete` puts into the rendered folder what no renderer makes. `output` is replaced only by a whole site. Raises
    InputError when the renderer fails, or when a page of the result has something wrong with it (see `find_problems`).
    """
    quarto = shutil.which("quarto")
    with replacing(output) as site:
        renderer = render_with_quarto(quarto, root, site) if quarto else render_with_fallback(root, site)
        # Copied here, since the renderers differ in which notebooks they take for pages.
        shutil.copytree(root / DOWNLOADS, site / DOWNLOADS, dirs_exist_ok=True)
        finish(site, renderer)
        link_site(site)
        complete(site)
        problems = find_problems(site)
        if problems:
            raise InputError("the rendered site has mistakes:\n" + "\n".join(f"  {line}" for line in problems))
    return renderer


def render_with_quarto(quarto: str, root: Path, site: Path) -> str:
    """Render with Quarto; returns its name and version. Raises InputError when it fails."""
    version = subprocess.run([quarto, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    command = [quarto, "render", str(root), "--to", "html", "--output-dir", str(site.relative_to(root))]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if run.returncode or not (site / "index.html").exists():
        raise InputError(f"Quarto could not render the report:\n{run.stderr.strip()[-2000:]}")
    return f"Quarto {version}"


def render_with_fallback(root: Path, site: Path) -> str:
    """Render with smalldocs, which reads the same project; returns its name and version.

    Raises InputError when it fails.
    """
    from smalldocs import config
    from smalldocs import site as smalldocs_site

    name = f"smalldocs {metadata.version('smalldocs')}, the fallback for Quarto"
    print(f"Quarto is not installed: rendering with {name}", flush=True)
    try:
        project = config.load(root)
        project.config["project"]["output-dir"] = str(site)
        smalldocs_site.Site(project, quiet=True).build()
    except (config.ConfigError, config.BuildError) as error:
        raise InputError(f"the report could not be rendered: {error}") from error
    return name


def finish(site: Path, renderer: str) -> None:
    """Make a rendered site self-contained, and say on its pages what rendered it."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for pattern in (FOREIGN_LINKS, FOREIGN_SCRIPTS, LOADER_LINE):
            text = pattern.sub("", text)
        text = FOREIGN_IMPORTS.sub("", text)
        text = RENDERER.sub(rf"\g<1>{html.escape(renderer)}\g<2>", text)
        for found, better in FRAMES.items():
            text = text.replace(found, better)
        page.write_text(bind_percents(text), encoding="utf-8")
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        if FOREIGN_IMPORTS.search(text):
            sheet.write_text(FOREIGN_IMPORTS.sub("", text), encoding="utf-8")


def bind_percents(text: str) -> str:
    """Keep each number and its per cent sign on one line, in the text of a page but not in its code."""
    pieces = VERBATIM.split(text)
    # The split yields text, verbatim element, name of its tag, text, and so on.
    pieces[::3] = [re.sub(r"(?<=\d) %(?=[^<>]*<)", "\u00a0%", piece) for piece in pieces[::3]]
    del pieces[2::3]
    return "".join(pieces)


class Page(HTMLParser):
    """What a page shows, loads and links to, and the anchors that it has."""

    # Elements whose address is loaded with the page, not followed by a reader.
    LOADED = frozenset({("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("link", "href")})
    VOID = frozenset({"br", "img", "link", "meta", "hr", "input", "source", "col", "wbr"})
    UNREAD = frozenset({"script", "style", "code", "pre"})

    def __init__(self, path: Path):
        """Read the page."""
        super().__init__()
        self.path = path
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.texts: list[str] = []
        self.pictures_without_text: list[str] = []
        self.headings: list[int] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note what the element loads, links to, and is called."""
        given = dict(attributes)
        if tag not in self.VOID:
            self.open.append(tag)
        for name in ("id", "name"):
            if given.get(name):
                self.anchors.add(given[name])
        for name in ("href", "src"):
            if given.get(name) is not None:
                is_loaded = (tag, name) in self.LOADED and given.get("rel") != "canonical"
                (self.loads if is_loaded else self.links).append(given[name])
        if tag == "img" and given.get("alt") is None:
            self.pictures_without_text.append(given.get("src", "")[:60])
        if tag == "svg" and given.get("role") == "img" and not given.get("aria-label"):
            self.pictures_without_text.append("an SVG figure")
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        """Close the element."""
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Keep the text that a reader sees; code is shown as it is written."""
        if not self.UNREAD.intersection(self.open):
            self.texts.append(data)


def read_pages(site: Path) -> Iterator[Page]:
    """Yield the pages of a site, in order."""
    for path in sorted(site.rglob("*.html")):
        if "site_libs" not in path.relative_to(site).parts:
            yield Page(path)


def find_problems(site: Path) -> list[str]:
    """Return what is wrong with a site, one line each: "page: problem".

    Looks for shortcodes, references and citations that were left as they stand, addresses on other hosts that
    a page would load, links that lead nowhere, and pictures without a text alternative.
    """
    pages = {page.path: page for page in read_pages(site)}
    problems = []
    for path, page in pages.items():
        name = path.relative_to(site).as_posix()
        problems += [f"{name}: {found} was not resolved" for found in LEFTOVERS.findall(" ".join(page.texts))]
        problems += [f"{name}: loads {address}" for address in page.loads if is_foreign(address)]
        problems += [f"{name}: no text alternative for {picture}" for picture in page.pictures_without_text]
        for link in [*page.links, *page.loads]:
            if not leads_somewhere(link, path, pages):
                problems.append(f"{name}: broken link {link}")
    for sheet in sorted(site.rglob("*.css")):
        text = sheet.read_text(encoding="utf-8")
        if FOREIGN_IMPORTS.search(text) or re.search(rf"url\(\s*[\"']?{FOREIGN}", text):
            problems.append(f"{sheet.relative_to(site).as_posix()}: loads from another host")
    return list(dict.fromkeys(problems))


def is_foreign(address: str) -> bool:
    """Whether an address is on another host."""
    return bool(re.match(FOREIGN, address))


def leads_somewhere(link: str, path: Path, pages: dict[Path, Page]) -> bool:
    """Whether a link on the page at `path` goes to another host, or to a file and an anchor that exist."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or not (parts.path or parts.fragment):
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file():
        return False
    known = pages.get(target)
    return not parts.fragment or known is None or unquote(parts.fragment) in known.anchors


def list_unmeasured(site: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield each file of a site with its content, in order, without what was measured: seconds and memory.

    These stand on `MEASURED_PAGE`, and the index of the search repeats its words. All else is the same in every
    build of the same commit and data.
    """
    for path in sorted(site.rglob("*")):
        name = path.relative_to(site).as_posix()
        if not path.is_file() or name == MEASURED_PAGE:
            continue
        if name == "search.json":
            entries = json.loads(path.read_text(encoding="utf-8"))
            others = [entry for entry in entries if not entry["href"].startswith(MEASURED_PAGE)]
            yield path, json.dumps(others).encode()
        else:
            yield path, path.read_bytes()
