// Tables: real ones, sorted by a click on a heading, and exported as CSV.
(function () {
  "use strict";

  const { make, format } = smartrocket;

  // Quote as RFC 4180 asks. A text that a spreadsheet would take for a formula gets a quote sign before it.
  function quote(value) {
    if (value === null || value === undefined || Number.isNaN(value)) return "";
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function writeCsv(columns, rows) {
    const lines = [columns.map((column) => quote(column.name))];
    for (const row of rows) lines.push(columns.map((column) => quote(column.value(row))));
    return `${lines.map((line) => line.join(",")).join("\r\n")}\r\n`;
  }

  function headingCell(column, order, onSort) {
    const isSorted = order && order.name === column.name;
    return make(
      "th",
      {
        scope: "col",
        class: column.isText ? null : "number",
        "aria-sort": isSorted ? (order.isDescending ? "descending" : "ascending") : null,
      },
      onSort ? make("button", { type: "button", onclick: () => onSort(column) }, column.name) : column.name,
    );
  }

  function bodyCell(column, row, isFirst) {
    const value = column.value(row);
    const shown = column.show ? column.show(value, row) : column.isText ? String(value) : format.number(value);
    const cell = make(isFirst ? "th" : "td", { scope: isFirst ? "row" : null, class: column.isText ? null : "number" });
    cell.append(shown);
    if (column.share) {
      const share = column.share(row);
      cell.style.setProperty("--share", `${Math.round(1000 * Math.max(0, Math.min(1, share))) / 10}%`);
      cell.classList.add("bar");
    }
    return cell;
  }

  const isMissing = (value) => (typeof value === "number" ? !Number.isFinite(value) : value === null || value === undefined);

  // Return {element, show(rows, why), csv()}; `why` says why there is no row, where that is not always `empty`. A column has name, value(row) and perhaps isText, show(value, row), share(row).
  // Only the first `limit` rows are shown; all of them are exported.
  smartrocket.table = function ({ caption, columns, limit = 10, isSortable = true, empty = "Nothing to show." }) {
    let rows = [];
    let why = empty;
    let order = null;
    let shown = limit;
    const head = make("thead");
    const body = make("tbody");
    const more = make("button", { type: "button", class: "quiet", onclick: showMore });
    const table = make("table", { class: "table table-sm" }, make("caption", {}, caption), head, body);
    const element = make("div", { class: "data-table" }, make("div", { class: "scroller" }, table), more);

    function sort(column) {
      const isDescending = order && order.name === column.name ? !order.isDescending : !column.isText;
      order = { name: column.name, isDescending, column };
      draw();
      const buttons = [...head.querySelectorAll("button")];
      buttons.find((button) => button.textContent === column.name).focus();
    }

    function showMore() {
      shown += 5 * limit;
      draw();
    }

    function sorted() {
      if (!order) return rows;
      const sign = order.isDescending ? -1 : 1;
      const value = order.column.value;
      return [...rows].sort((one, other) => {
        const [left, right] = [value(one), value(other)];
        // What is not known stands last, whichever way the rest is sorted.
        if (isMissing(left) || isMissing(right)) return Number(isMissing(left)) - Number(isMissing(right));
        return left < right ? -sign : left > right ? sign : 0;
      });
    }

    function draw() {
      head.replaceChildren(make("tr", {}, ...columns.map((column) => headingCell(column, order, isSortable && sort))));
      const lines = sorted().slice(0, shown).map((row) => make(
        "tr", {}, ...columns.map((column, place) => bodyCell(column, row, place === 0)),
      ));
      if (!lines.length) lines.push(make("tr", {}, make("td", { colspan: columns.length, class: "empty" }, why)));
      body.replaceChildren(...lines);
      more.hidden = rows.length <= shown;
      more.textContent = `Show more (${format.number(rows.length - shown)} left)`;
    }

    return {
      element,
      show(newRows, newWhy = empty) {
        rows = newRows;
        why = newWhy;
        shown = limit;
        draw();
      },
      csv: () => writeCsv(columns, sorted()),
    };
  };

  smartrocket.writeCsv = writeCsv;
})();
