// Panels: a chart with its title, what it says in words, how to read it, its numbers as a table, and its exports.
(function () {
  "use strict";

  const { make, newId, table, download } = smartrocket;
  const panels = new Set();
  // The room above a saved picture that its title takes.
  const TITLE = 40;
  const isCoarse = window.matchMedia("(pointer: coarse)").matches;

  function colour(name) {
    return getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();
  }

  // The page's own colours, light or dark.
  smartrocket.colours = function () {
    return {
      ink: colour("figure-ink"), muted: colour("figure-muted"), grid: colour("figure-grid"), paper: colour("paper"),
      view: colour("series-1"), addtocart: colour("series-2"), transaction: colour("series-3"),
      removefromcart: colour("series-4"),
      series: [1, 2, 3, 4, 5, 6, 7, 8].map((number) => colour(`series-${number}`)),
    };
  };

  // A scale from nearly the page's own colour to a strong blue.
  smartrocket.scale = function () {
    return [[0, colour("scale-low")], [1, colour("scale-high")]];
  };

  // How an axis writes amounts from 0: large ones short, and of what is counted no halves.
  smartrocket.amounts = function (values, isCount = true) {
    if (Math.max(...values, 0) >= 5) return { tickformat: ",~s" };
    return { tickformat: ",~g", ...(isCount ? { dtick: 1 } : {}) };
  };

  function complete(layout, height) {
    const { ink, muted, grid, paper } = smartrocket.colours();
    const axis = {
      gridcolor: grid, zerolinecolor: grid, linecolor: grid, tickcolor: grid, tickfont: { color: muted },
      title: { font: { color: muted, size: 12 } }, automargin: true, fixedrange: true,
    };
    const merge = (given = {}) => ({
      ...axis, ...given, title: { ...axis.title, ...(given.title || {}) },
    });
    return {
      height,
      margin: { l: 8, r: 8, t: 8, b: 8, pad: 4 },
      font: { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: ink },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: paper, bordercolor: grid, font: { color: ink } },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { color: muted } },
      hovermode: "x unified",
      dragmode: false,
      separators: ".,",
      ...layout,
      xaxis: merge(layout.xaxis),
      yaxis: merge({ rangemode: "tozero", ...layout.yaxis }),
    };
  }

  // Plotly reads some tags in its texts; what comes from the data is text, and only the page's own templates are not.
  function neutralise(value, key = "") {
    if (typeof value === "string") {
      return key.endsWith("template") ? value : value.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
    }
    if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map((part) => neutralise(part, key));
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, neutralise(part, name)]));
  }

  const queued = new Set();
  let isDrawing = false;

  // Charts are drawn one by one, each in a task of its own, so that the page answers in between.
  function queue(draw) {
    queued.delete(draw);
    queued.add(draw);
    if (!isDrawing) setTimeout(drawNext);
    isDrawing = true;
  }

  function drawNext() {
    const [draw] = queued;
    queued.delete(draw);
    draw();
    isDrawing = queued.size > 0;
    if (isDrawing) setTimeout(drawNext);
  }

  // What is out of sight waits until the page has nothing else to do: whoever prints it, or jumps down, sees all of it.
  const whenIdle = window.requestIdleCallback || ((task) => setTimeout(task, 300));

  // Resolved when all charts that wait to be drawn are.
  smartrocket.drawn = () => new Promise(queue);

  function csvButton(title, name, numbers) {
    return make("button", {
      type: "button", class: "quiet", "aria-label": `${title}: save as CSV`,
      onclick: () => download(`${name}.csv`, numbers.csv()),
    }, "CSV");
  }

  // Return {element, show}. `show` takes what the panel has to tell for a choice of the reader:
  // draw() returns Plotly's traces and layout, `summary` says them in a sentence, `rows` fill the table,
  // `empty` says why there is nothing to draw.
  smartrocket.panel = function ({ title, name, how, columns, height = 300, tools = [], isWide = false, limit = 10, onDraw }) {
    const heading = newId("panel");
    const summary = make("p", { class: "summary" });
    const plot = make("div", { class: "plot", role: "img", style: `min-height:${height}px` });
    const numbers = table({ caption: title, columns, limit });
    const files = make(
      "div", { class: "files" },
      make("button", { type: "button", class: "quiet", onclick: savePicture, "aria-label": `${title}: save as PNG` }, "PNG"),
      csvButton(title, name, numbers),
    );
    const element = make(
      "section", { class: isWide ? "panel wide" : "panel", "aria-labelledby": heading, "data-panel": name },
      make("header", {}, make("h3", { id: heading }, title), make("div", { class: "tools" }, ...tools)),
      summary,
      plot,
      make("p", { class: "how" }, ...[how].flat()),
      make("footer", {}, make("details", {}, make("summary", {}, "Show as a table"), numbers.element), files),
    );
    let told = null;
    let isStale = false;
    let isVisible = false;
    let isDrawn = false;

    async function savePicture() {
      await draw();
      const { width } = plot.getBoundingClientRect();
      const picture = await Plotly.toImage(
        { data: plot.data, layout: { ...plot.layout, ...standAlone() } },
        { format: "png", width: Math.round(width), height: height + TITLE, scale: 2 },
      );
      download(`${name}.png`, picture);
    }

    // Away from the page a picture needs its title, and a ground on which its texts can be read.
    function standAlone() {
      // The legend, where there is one, has its room above the chart already.
      const { t: top } = plot._fullLayout._size;
      return {
        title: {
          text: neutralise(title), font: { size: 15 }, x: 0, xref: "container", xanchor: "left",
          y: 1, yref: "container", yanchor: "top", pad: { l: 10, t: 12 },
        },
        margin: { ...plot.layout.margin, t: top + TITLE }, paper_bgcolor: colour("paper"), height: height + TITLE,
      };
    }

    function show(newlyTold) {
      told = newlyTold;
      isStale = true;
      summary.textContent = told.empty || told.summary;
      plot.setAttribute("aria-label", `${title}. ${summary.textContent}`);
      element.classList.toggle("is-empty", Boolean(told.empty));
      const [picture, text] = files.querySelectorAll("button");
      picture.disabled = Boolean(told.empty);
      // A table may say more than its chart.
      text.disabled = !(told.rows || []).length;
      numbers.show(told.rows || []);
      plan();
    }

    function plan() {
      if (isVisible) queue(draw);
      else whenIdle(() => draw());
    }

    function draw() {
      if (!isStale || !window.Plotly || !told) return undefined;
      isStale = false;
      if (told.empty) {
        if (isDrawn) Plotly.purge(plot);
        isDrawn = false;
        return undefined;
      }
      const { traces, layout = {} } = told.draw();
      const config = { displayModeBar: false, responsive: true, doubleClick: false };
      const drawn = Plotly.react(plot, neutralise(traces), neutralise(complete(layout, height)), config);
      if (!isDrawn && onDraw) onDraw(plot);
      isDrawn = true;
      return drawn;
    }

    const panel = {
      element,
      show,
      draw,
      redraw() {
        isStale = true;
        plan();
      },
    };
    // What comes near the window is drawn at once.
    new IntersectionObserver(([entry]) => {
      isVisible = entry.isIntersecting;
      if (isVisible) draw();
    }, { rootMargin: "200px" }).observe(element);
    panels.add(panel);
    return panel;
  };

  // A panel that holds nothing but a table. `show(rows, summary)`.
  smartrocket.tablePanel = function ({ title, name, how, columns, limit = 8, isWide = false, empty }) {
    const heading = newId("panel");
    const summary = make("p", { class: "summary" });
    const numbers = table({ caption: title, columns, limit, empty });
    const file = csvButton(title, name, numbers);
    const element = make(
      "section", { class: isWide ? "panel wide" : "panel", "aria-labelledby": heading, "data-panel": name },
      make("header", {}, make("h3", { id: heading }, title), file),
      summary, numbers.element, make("p", { class: "how" }, ...[how].flat()),
    );
    return {
      element,
      // `why` says what there is no row for, where that is not always the same.
      show(rows, text = "", why = empty) {
        summary.textContent = text;
        summary.hidden = !text;
        file.disabled = !rows.length;
        numbers.show(rows, why);
      },
    };
  };

  // Whether days can be chosen by dragging over a chart; on a touch screen dragging scrolls the page.
  smartrocket.canDrag = !isCoarse;

  function redraw() {
    panels.forEach((panel) => panel.redraw());
  }

  // A page turns dark by a class of its body in one renderer and by data of its root element in the other.
  const watcher = new MutationObserver(redraw);
  watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-scheme", "data-bs-theme", "class"] });
  watcher.observe(document.body, { attributes: true, attributeFilter: ["class"] });

  smartrocket.drawPanels = async function () {
    await smartrocket.loadPlotly();
    redraw();
  };
})();
