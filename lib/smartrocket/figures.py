"""One style for every figure: inline SVG whose text and grid take the page's colours, light or dark."""

import html
import io
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.ticker import FuncFormatter

# Stand-ins that `svg` turns into CSS variables, so that one drawing reads well on a light and on a dark page.
INK = "#010203"
MUTED = "#040506"
GRID = "#070809"
PAPER = "#0a0b0c"
VARIABLES = {
    INK: "var(--figure-ink, #24292f)",
    MUTED: "var(--figure-muted, #57606a)",
    GRID: "var(--figure-grid, #d0d7de)",
    PAPER: "var(--figure-paper, #ffffff)",
}

# Okabe and Ito's colours, told apart by colour-blind readers, the dark ones lightened for dark pages.
PALETTE = ["#2f81c7", "#d98200", "#1a9e77", "#cc5a8a", "#8a6fd1", "#b5892a", "#4aa8d8", "#c4533a"]
EVENT_COLOURS = {
    "view": PALETTE[0],
    "addtocart": PALETTE[1],
    "transaction": PALETTE[2],
    "removefromcart": PALETTE[3],
}
# From nearly the page's own colour to a strong blue, so that much stands out on a light and on a dark page.
SEQUENTIAL = mpl.colors.LinearSegmentedColormap.from_list("smartrocket", [(0.18, 0.51, 0.78, 0.04), "#2f81c7"])

THOUSANDS = FuncFormatter(lambda value, _place: f"{value:,.0f}")

STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.prop_cycle": mpl.cycler(color=PALETTE),
    "axes.formatter.use_mathtext": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "figure.constrained_layout.use": True,
    "lines.linewidth": 1.8,
}


def canvas(width: float = 8, height: float = 3.6, rows: int = 1, columns: int = 1) -> tuple[Figure, Axes]:
    """Open a figure in the project's style.

    Width and height are in inches (8 inches fill the text column). Returns the figure and its axes, an array
    of them where there are several rows or columns.
    """
    mpl.rcParams.update(STYLE)
    return plt.subplots(rows, columns, figsize=(width, height))


def draw_dates(axes: Axes) -> None:
    """Write few dates below a chart, in short."""
    locator = AutoDateLocator(minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    # What the dates leave out stands at the end of the axis: the year, or the month or day as well.
    ends = ["", "%Y", "%b %Y", "%-d %b %Y", "%-d %b %Y", "%-d %b %Y %H:%M"]
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, offset_formats=ends))


def box(left: float, bottom: float, width: float, height: float, colour: str = GRID) -> FancyBboxPatch:
    """Return a box with round corners and an outline, for a drawing in the coordinates of its axes."""
    return FancyBboxPatch(
        (left, bottom), width, height, boxstyle="round,pad=0,rounding_size=0.02", facecolor=PAPER, edgecolor=colour
    )


def arrow(start: tuple[float, float], end: tuple[float, float], colour: str = MUTED) -> FancyArrowPatch:
    """Return an arrow from one point of a drawing to another."""
    return FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=10, color=colour, linewidth=1.2, shrinkA=0, shrinkB=0
    )


def svg(figure: Figure, name: str, alt: str) -> str:
    """Draw a figure as one line of SVG for a page, and close it.

    `name` (unique on its page) keeps the ids of its parts apart from other figures'; `alt` is what a reader
    who cannot see it is told. The same figure always gives the same text.
    """
    # Laid out first: a figure that still has a layout engine is drawn twice, once only for its layout.
    FigureCanvasSVG(figure)
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    buffer = io.StringIO()
    look = {"svg.hashsalt": name, "svg.fonttype": "none", "figure.constrained_layout.use": False}
    with mpl.rc_context(look):
        figure.set_layout_engine(None)
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(["Date", "Creator", "Format", "Type"]))
    plt.close(figure)
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{name}-", drawing)
    for colour, variable in VARIABLES.items():
        drawing = drawing.replace(colour, variable)
    drawing = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--figure-font, sans-serif)", drawing)
    drawing = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", drawing, flags=re.DOTALL)
    opening = re.search(r'<svg[^>]*viewBox="([^"]*)"[^>]*>', drawing)
    label = html.escape(alt, quote=True)
    width = float(opening.group(1).split()[2])
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    look = f"width:100%;max-width:{width:.0f}pt;stroke-linejoin:round"
    replacement = f'<svg {names} viewBox="{opening.group(1)}" role="img" aria-label="{label}" style="{look}">'
    drawing = drawing[: opening.start()] + replacement + drawing[opening.end() :]
    return re.sub(r"\s*\n\s*", " ", drawing).strip()
