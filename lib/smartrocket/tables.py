"""Tables that are tables: escaped, aligned, and styled by the page."""

import html
from numbers import Integral, Real

import numpy as np
import pandas as pd
from IPython.display import HTML

from smartrocket.wording import shield


def cell(value: object, form: str | None) -> str:
    """Format one value; what is missing is a dash."""
    if value is None or value is pd.NaT or (isinstance(value, float) and pd.isna(value)) or value is pd.NA:
        return "–"
    if form is not None:
        return html.escape(typeset(format(value, form)))
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return typeset(f"{value:,}")
    if isinstance(value, Real):
        return typeset(f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}")
    return html.escape(shield(str(value)))


def typeset(number: str) -> str:
    """Write a formatted number as the prose does: a true minus sign, a space before the per cent sign."""
    return number.replace("-", "−").replace("%", " %")


def table(
    frame: pd.DataFrame,
    caption: str,
    formats: dict[str, str] | None = None,
    highlight: str | None = None,
) -> HTML:
    """Show a frame as an HTML table.

    The first column is the row's heading. `formats` maps a column to a format (".3f", ",.0f", ".1%");
    `highlight` is the first column's value of a row to point out. Numbers are right-aligned, all text is
    escaped.
    """
    formats = formats or {}
    numeric = {name: pd.api.types.is_numeric_dtype(frame[name]) for name in frame}
    # Short texts, dates above all, must not break at their hyphens.
    short = {name: not numeric[name] and all(len(str(value)) <= 20 for value in frame[name]) for name in frame}
    aligned = {name: ' class="number"' if numeric[name] else ' class="short"' if short[name] else "" for name in frame}
    heading = "".join(f'<th scope="col"{aligned[name]}>{html.escape(shield(str(name)))}</th>' for name in frame)
    rows = []
    for record in frame.astype(object).itertuples(index=False):
        cells = [cell(value, formats.get(name)) for name, value in zip(frame.columns, record, strict=True)]
        mark = ' class="highlight"' if highlight is not None and str(record[0]) == highlight else ""
        first = f'<th scope="row"{aligned[frame.columns[0]]}>{cells[0]}</th>'
        others = "".join(
            f"<td{aligned[name]}>{text}</td>" for name, text in zip(frame.columns[1:], cells[1:], strict=True)
        )
        rows.append(f"<tr{mark}>{first}{others}</tr>")
    return HTML(
        '<div class="table-responsive"><table class="table table-sm report-table">'
        f"<caption>{html.escape(shield(caption))}</caption><thead><tr>{heading}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
