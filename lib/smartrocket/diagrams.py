"""The way of the data, drawn: which stage makes what of what, with the rows of the run at hand."""

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.summary import Run
from smartrocket.wording import number, plural

COLUMNS = (0.0, 0.215, 0.43, 0.645, 0.86)
WIDTH = 0.165
HEADINGS = ("raw files", "clean tables", "what models read", "models", "report")
STAGES = ("notebook 1", "notebook 2", "notebook 3", "notebooks 4 to 7", "publishing")


def count(run: Run, notebook: str, name: str, noun: str, many: str | None = None) -> str:
    """Write how many of something a run has, "no number" where it does not say."""
    value = run.fact(notebook, name)
    return f"{many or noun + 's'}, not counted" if value is None else plural(int(value), noun, many)


def list_boxes(run: Run, shop: dict) -> list[list[tuple[str, str]]]:
    """Return for each column of the drawing its boxes: name and how much is in it."""
    properties = count(run, "01_eda", "rows_properties", "row") if shop["has_properties"] else "not given"
    tree = count(run, "01_eda", "rows_categories", "row") if shop["has_category_tree"] else "not given"
    return [
        [("events", count(run, "01_eda", "rows_events", "row")), ("properties", properties), ("categories", tree)],
        [
            ("events", count(run, "02_cleaning", "events_rows_kept", "row")),
            ("item history", count(run, "02_cleaning", "item_properties_rows_kept", "row")),
            ("ledger", "a reason for each\ndropped row"),
        ],
        [
            ("panel", count(run, "03_features", "panel_rows", "item-day")),
            ("sequences", count(run, "03_features", "train_sequences", "for training", "for training")),
            ("related items", count(run, "03_features", "related_pairs", "pair")),
        ],
        [
            ("LightGBM", "forecasts units,\nbeside simple rules"),
            ("GRU4Rec", "ranks next items,\nbeside simple rules"),
        ],
        [("chapters", "this site"), ("dashboard", "for the shop")],
    ]


def draw_way(run: Run, shop: dict) -> Finding:
    """Draw the way of the data from the raw files to the report, from left to right."""
    boxes = list_boxes(run, shop)
    figure, axes = figures.canvas(8, 3.9)
    axes.set(xlim=(-0.01, 1.035), ylim=(0, 1))
    axes.axis("off")
    for place, (left, heading, stage) in enumerate(zip(COLUMNS, HEADINGS, STAGES, strict=True)):
        axes.text(left, 0.97, heading, weight="bold", size=9.5, va="center")
        axes.text(left, 0.905, stage, size=8.5, color=figures.MUTED, va="center")
        shown = boxes[place]
        height = 0.82 / len(shown)
        for row, (name, size) in enumerate(shown):
            bottom = 0.84 - (row + 1) * height
            colour = figures.PALETTE[place % len(figures.PALETTE)]
            axes.add_patch(figures.box(left, bottom + 0.03, WIDTH, height - 0.06, colour))
            middle = bottom + height / 2
            axes.text(left + 0.012, middle + 0.045, name, size=9.5, va="center")
            axes.text(left + 0.012, middle - 0.05, size, size=8.2, color=figures.MUTED, va="center")
        if place + 1 < len(COLUMNS):
            start, end = left + WIDTH + 0.006, COLUMNS[place + 1] - 0.006
            axes.add_patch(figures.arrow((start, 0.43), (end, 0.43)))
    events, kept = run.fact("01_eda", "rows_events"), run.fact("02_cleaning", "events_rows_kept")
    panel = run.fact("03_features", "panel_rows")
    reading = "Everything flows one way: a stage reads what the stages before it wrote, and nothing else."
    if None not in (events, kept, panel):
        reading += (
            f" In this run {plural(int(events), 'row')} of events became {number(kept)} clean ones, and these "
            f"{plural(int(panel), 'row')} of the panel."
        )
    return Finding(
        figure=figure,
        wide=True,
        caption="The way of the data, from left to right.",
        alt="Raw files become clean tables, these become a panel, sequences and related items, and from them learn "
        "the models whose results the report shows.",
        reading=reading,
    )
