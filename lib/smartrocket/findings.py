"""A finding: a figure, its caption, and the sentence that says what it shows for the data at hand."""

import html
import re
from dataclasses import dataclass

from IPython.display import HTML, Markdown, display
from matplotlib.figure import Figure

from smartrocket.figures import svg
from smartrocket.files import write_text
from smartrocket.wording import shield
from smartrocket.workspace import Workspace


@dataclass(frozen=True)
class Finding:
    """What one question led to. Without a figure, the reading says why there is none.

    A `wide` figure has much small text, and keeps more of its width on a phone, where it scrolls.
    """

    reading: str
    figure: Figure | None = None
    caption: str = ""
    alt: str = ""
    wide: bool = False


def escape_markdown(text: object) -> str:
    """Make a text from the data harmless inside Markdown and HTML: it is shown, never interpreted."""
    text = shield(re.sub(r"[\x00-\x1f\x7f]+", " ", str(text)))
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~$@^&-])", lambda match: f"&#{ord(match[1])};", text)


def write_plain(text: str) -> str:
    """Return the words of a reading as they are read aloud: without emphasis, and what was escaped as it is."""
    return html.unescape(text.replace("**", ""))


def figure_html(finding: Finding, name: str) -> str:
    """Return a finding's figure as an HTML `figure` element with its caption."""
    drawing = svg(finding.figure, name, write_plain(finding.alt or finding.caption))
    kind = "finding wide" if finding.wide else "finding"
    return f'<figure class="{kind}">{drawing}<figcaption>{html.escape(finding.caption)}</figcaption></figure>'


def show(finding: Finding, name: str, workspace: Workspace | None = None) -> None:
    """Display a finding in a notebook: the figure with its caption, then the reading.

    With a workspace, the figure is also kept as `figures/<name>.html` for the chapters, and its reading beside it as
    `figures/<name>.md`; a finding without a figure leaves its reading as a paragraph of the first.
    """
    if finding.figure is not None:
        element = figure_html(finding, name)
        display(HTML(element))
    else:
        # The words of a reading are Markdown; emphasis is the only mark that a sentence alone uses.
        words = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html.escape(finding.reading))
        element = f'<p class="finding-absent">{words}</p>'
    display(Markdown(finding.reading))
    if workspace is not None:
        write_text(workspace.figures / f"{name}.html", element + "\n")
        reading = finding.reading + "\n" if finding.figure is not None else ""
        write_text(workspace.figures / f"{name}.md", reading)
