// The Forecasting page: how well each model did in the test, and what is expected of the coming days.
smartrocket.start(async function (log, place) {
  "use strict";

  const { make, format, term, link, colours, panel, section, choice, address, newId } = smartrocket;
  const forecasts = await smartrocket.openForecasts(log);
  const { value } = forecasts;
  if (!value || !(value.models.length || value.scores.length)) {
    place.replaceChildren(make("p", {}, "This build has no forecasts: its log is too short or holds no sale."));
    return;
  }
  // What stands for products without a category.
  const NO_CATEGORY = "none";
  // So many numbers are proposed where one is typed, and so many subcategories linked.
  const OFFERED = 60;
  const LINKED = 8;
  const isOurs = (model) => model.startsWith("LightGBM");
  const LEVELS = [["item", "Products"], ["category", "Categories"], ["total", "Whole shop"]];
  const LEADS = value.total_day ? [...new Set(value.total_day)].filter((day) => day > 0).sort((one, other) => one - other) : [];
  const HORIZONS = [
    ["all", `${format.plural(value.horizon, "day")} together`],
    ...(LEADS.length > 1 ? [["each", "Every single day"], ...LEADS.map((day) => [String(day), `${format.plural(day, "day")} ahead`])] : []),
  ];
  const METRICS = [...new Set(value.scores.map((score) => score.metric))];
  const TERMS = {
    poisson_deviance: "poisson-deviance", rmsse: "rmsse", average_precision: "average-precision", bias: "bias", wmape: "wmape",
  };

  // The number in what was typed, which may be a name as the pages write it ("Product 920"). Other texts stay, to be told
  // that there is no such thing: only where nothing was asked for at all is there something to show first.
  function readId(text) {
    if (text === undefined) return null;
    const [, digits] = /^(?:product|category|#)?\s*(-?\d+)$/i.exec(text.trim()) || [];
    return digits === undefined ? text.trim() : smartrocket.readId(digits);
  }

  function read(state) {
    const { models } = value;
    return {
      model: models.includes(state.model) ? state.model : value.final ?? models[models.length - 1],
      level: LEVELS.some(([level]) => level === state.level) ? state.level : "total",
      metric: METRICS.includes(state.metric) ? state.metric : METRICS[0],
      horizon: HORIZONS.some(([horizon]) => horizon === state.horizon) ? state.horizon : "all",
      id: readId(state.id),
    };
  }

  let chosen = read(address.read());

  function set(changes) {
    chosen = { ...chosen, ...changes };
    const start = read({});
    address.change(Object.fromEntries(["model", "level", "horizon", "metric", "id"].map(
      (name) => [name, chosen[name] === start[name] ? null : chosen[name]],
    )));
    update();
  }

  // ---------------------------------------------------------------- what can be chosen

  const models = make(
    "select", { id: newId("model"), onchange: () => set({ model: models.value }) },
    ...value.models.map((model) => make("option", { value: model }, model)),
  );
  const metrics = make(
    "select", { id: newId("metric"), onchange: () => set({ metric: metrics.value }) },
    ...METRICS.map((metric) => make("option", { value: metric }, value.metrics[metric].label)),
  );
  const horizons = make(
    "select", { id: newId("horizon"), onchange: () => set({ horizon: horizons.value }) },
    ...HORIZONS.map(([horizon, text]) => make("option", { value: horizon }, text)),
  );
  const levels = choice("Level", LEVELS, chosen.level, (level) => set({ level, id: null }));
  const status = make("p", { class: "status", role: "status" });
  const field = (text, control) => make("div", { class: "field" }, make("label", { for: control.id }, text), control);
  const idOf = (level, number) => (level === "item" ? log.items[number] : number ? log.tree.ids[number - 1] : NO_CATEGORY);
  const hint = make("span", { id: newId("hint"), class: "hint" });
  const number = make("input", {
    id: newId("number"), type: "text", inputmode: "numeric", "aria-describedby": hint.id,
    list: newId("numbers"), onchange: chooseNumber,
  });
  // Those that sold most in the test come first.
  const offered = make("datalist", { id: number.getAttribute("list") }, ...forecasts.list("item").slice(0, OFFERED).map(
    (item) => make("option", { value: idOf("item", item) }, log.hasNames ? log.nameItem(idOf("item", item)) : ""),
  ));
  const offer = (category) => make("option", { value: idOf("category", category) }, log.tree.label(category));
  const categories = make(
    "select", { id: newId("category"), "aria-describedby": hint.id, onchange: () => set({ id: readId(categories.value) }) },
    ...forecasts.list("category").map(offer),
  );
  const controls = { item: field(log.hasNames ? "Product (number or name)" : "Product (number)", number), category: field("Category", categories) };
  const more = make("span");
  const which = make("div", { class: "field" }, controls.item, controls.category, offered, hint, more);
  const below = make("p", { class: "status" });
  const filters = make(
    "section", { class: "filters", "aria-label": "Filters" },
    make("div", { class: "fields" }, levels, which, field("Model", models), field("Horizon", horizons), METRICS.length ? field("Measure", metrics) : null),
    status, below,
  );

  function chooseNumber() {
    // An emptied field asks for nothing: the product that is shown stays.
    const text = number.value.trim();
    const isName = log.hasNames && !smartrocket.isNumber(text);
    const found = isName ? smartrocket.findItems(log, text) : [];
    if (!text) number.value = chosen.id;
    else set({ id: found.length ? log.items[found.find((item) => forecasts.isKnown("item", item)) ?? found[0]] : readId(log.hasNames ? smartrocket.numberIn(text) : text) });
  }

  // The number of the chosen product or category in the log; null where there is none.
  function numberOf() {
    if (chosen.level === "total" || chosen.id === null || chosen.id === "") return null;
    if (chosen.level === "item") return log.itemNumber(chosen.id);
    return chosen.id === NO_CATEGORY ? 0 : log.tree.number(chosen.id) || null;
  }

  // The product, or the category with a name, that sold most in the test.
  function findFirst(level) {
    const known = forecasts.list(level);
    return (level === "category" && known.find((category) => category > 0)) || known[0];
  }

  // Why there is nothing to show; null where there is.
  function findMissing() {
    if (chosen.level === "total" || numberOf() !== null) return null;
    const noun = chosen.level === "item" ? "product" : "category";
    return chosen.id === null || chosen.id === "" ? `No ${noun} is chosen.` : `There is no ${noun} ${chosen.id} in this log.`;
  }

  // The controls stay where they are: whoever uses them keeps the focus.
  function drawWhich() {
    const { level } = chosen;
    which.hidden = level === "total";
    below.hidden = level !== "category";
    if (level === "total") return;
    const first = findFirst(level);
    if (chosen.id === null && first !== undefined) chosen.id = idOf(level, first);
    const place = numberOf();
    const isKnown = place !== null && forecasts.isKnown(level, place);
    const noun = level === "item" ? "product" : "category";
    for (const [name, control] of Object.entries(controls)) control.hidden = name !== level;
    const control = level === "item" ? number : categories;
    // A category that has no forecast is no choice of the list until it is asked for.
    if (level === "category" && place !== null && !isKnown && !categories.querySelector(`[value="${chosen.id}"]`)) categories.append(offer(place));
    control.value = chosen.id ?? "";
    control.setAttribute("aria-invalid", String(!isKnown));
    hint.textContent = isKnown ? "" : place === null ? "Not in this log." : `There is no forecast of ${noun} ${chosen.id}.`;
    more.replaceChildren(...(place === null || chosen.id === NO_CATEGORY ? [] : [
      link(`products.html#${level}=${chosen.id}`, `All about ${level === "item" ? nameProduct(chosen.id) : `category ${chosen.id}`}`),
    ]));
    if (level === "category") drawBelow(place);
  }

  const nameProduct = (id) => (log.hasNames ? log.nameItem(id) : `product ${id}`);
  const listBelow = (category) => forecasts.list("category").filter((other) => other !== category && log.tree.below(category)[other]);

  // A category's subcategories are forecast each on its own: whoever misses their sales here finds them there.
  function drawBelow(category) {
    const others = category ? listBelow(category) : [];
    below.hidden = !others.length;
    below.replaceChildren(
      "Subcategories are forecast on their own: ",
      ...others.slice(0, LINKED).flatMap((other, at) => [
        at ? ", " : "", link(address.linkTo({ level: "category", id: idOf("category", other) }), log.tree.label(other)),
      ]),
      others.length > LINKED ? ` and ${format.number(others.length - LINKED)} more.` : ".",
    );
  }

  function nameChosen() {
    if (chosen.level === "total") return "the whole shop";
    if (chosen.level === "item") return nameProduct(chosen.id);
    if (!numberOf()) return "products without a category";
    const parts = smartrocket.sum(log.tree.below(numberOf())) - 1;
    return `category ${chosen.id}${parts ? ` itself, without the ${format.plural(parts, "category", "categories")} below it` : ""}`;
  }

  // ---------------------------------------------------------------- panels

  const course = forecasts.coursePanel();

  const scored = (level, metric) => value.scores
    .filter((score) => score.level === level && score.metric === metric && score.value !== null)
    .sort((one, other) => {
      const { lower_is_better: lower } = value.metrics[metric];
      if (lower === null) return Math.abs(one.value) - Math.abs(other.value);
      return lower ? one.value - other.value : other.value - one.value;
    });
  const write = (metric, number) => (value.metrics[metric].is_share ? format.percent(number) : format.number(number, 3));

  const interval = make("span", {}, ", the line its 95 % ", term("interval", "interval"));
  const modelsPanel = panel({
    title: "Models compared", name: "models", isWide: true, height: 360,
    how: [
      "The dot is the score in the test weeks", interval, "; the trained models are in orange. An arrow at the edge means: far beyond it. Test weeks were seen by no model. ",
      link("../analysis/05_forecast_tuning.html", "Whether a lead is more than chance"), ".",
    ],
    columns: [
      { name: "Model", isText: true, value: (row) => row.model },
      ...METRICS.map((metric) => ({
        name: value.metrics[metric].label, value: (row) => row[metric] ?? NaN, show: (number) => write(metric, number),
      })),
      { name: "Low", value: (row) => row.low ?? NaN, show: (number) => write(chosen.metric, number) },
      { name: "High", value: (row) => row.high ?? NaN, show: (number) => write(chosen.metric, number) },
    ],
    limit: 16,
  });

  function showModels() {
    const ranked = METRICS.length ? scored(chosen.level, chosen.metric) : [];
    const rows = ranked.map((score) => ({
      ...score,
      ...Object.fromEntries(METRICS.map((metric) => [metric, (scored(chosen.level, metric).find((other) => other.model === score.model) || {}).value])),
    }));
    const baseline = ranked.find((score) => !isOurs(score.model));
    interval.hidden = ranked.every((score) => score.low === null);
    modelsPanel.show({
      empty: rows.length ? null : METRICS.length ? "This measure is not taken at this level." : "The test is too small for a comparison: it holds too few sales.",
      summary: rows.length
        ? `${value.metrics[chosen.metric].label}, ${value.metrics[chosen.metric].meaning}: ${rows[0].model} is best with ${write(chosen.metric, rows[0].value)}${baseline && baseline.model !== rows[0].model ? `, the best simple rule, ${baseline.model}, has ${write(chosen.metric, baseline.value)}` : ""}.`
        : "",
      rows,
      draw() {
        const { addtocart, view, muted } = colours();
        // One hopeless model would squeeze all others together: the scale ends at three times the usual distance.
        const middle = ranked[Math.floor(ranked.length / 2)].value;
        const spread = ranked.map((score) => Math.abs(score.value - middle)).sort((one, other) => one - other)[Math.floor(ranked.length / 2)] || Math.abs(middle) || 1;
        const ends = ranked.flatMap((score) => [score.low ?? score.value, score.high ?? score.value]);
        const range = [Math.max(Math.min(...ends), middle - 4 * spread), Math.min(Math.max(...ends), middle + 4 * spread)];
        const room = 0.05 * (range[1] - range[0]) || 1;
        return {
          traces: [{
            type: "scatter", mode: "markers", y: ranked.map((score) => score.model), x: ranked.map((score) => Math.max(range[0], Math.min(range[1], score.value))),
            error_x: {
              type: "data", symmetric: false, color: muted, thickness: 2, width: 0,
              array: ranked.map((score) => (score.high === null ? 0 : score.high - score.value)),
              arrayminus: ranked.map((score) => (score.low === null ? 0 : score.value - score.low)),
            },
            marker: {
              size: ranked.map((score) => (score.model === chosen.model ? 15 : 10)),
              // An arrow at the edge: the score lies beyond it.
              symbol: ranked.map((score) => (score.value > range[1] ? "triangle-right" : score.value < range[0] ? "triangle-left" : "circle")),
              color: ranked.map((score) => (isOurs(score.model) ? addtocart : view)),
            },
            customdata: ranked.map((score) => score.value), hovertemplate: "%{y}: %{customdata:.3f}<extra></extra>",
          }],
          layout: {
            hovermode: "closest", xaxis: { range: [range[0] - room, range[1] + room], tickformat: value.metrics[chosen.metric].is_share ? ",.0%" : "" },
            yaxis: {
              type: "category", autorange: "reversed", rangemode: "normal", showgrid: true,
              tickmode: "array", tickvals: ranked.map((score) => score.model), ticktext: ranked.map((score) => shorten(score.model)),
            },
          },
        };
      },
    });
  }

  // On a small screen a long name would leave no room for the scores; the table has it whole.
  const shorten = (name) => (window.innerWidth < 640 && name.length > 20 ? `${name.slice(0, 8)}…${name.slice(-10)}` : name);

  const rivalOf = () => {
    const best = value.scores.length && scored("item", "poisson_deviance").find((score) => !isOurs(score.model) && score.model !== chosen.model);
    return best ? best.model : value.models.find((model) => model !== chosen.model && !isOurs(model));
  };

  const groupsPanel = panel({
    title: "Predicted against sold", name: "calibration", height: 310,
    how: ["Forecasts of single products for a test week, in ten groups of like size: of all products, by the chosen model, whatever the level. On the dashed line as much was sold as was forecast; both scales are logarithmic."],
    columns: [
      { name: "Group", value: (row) => row.group }, { name: "Mean forecast", value: (row) => row.forecast, show: (units) => format.number(units, 3) },
      { name: "Mean sold", value: (row) => row.actual, show: (units) => format.number(units, 3) },
    ],
  });

  function showGroups() {
    const groups = value.calibration[chosen.model] || [];
    const last = groups[groups.length - 1];
    groupsPanel.show({
      empty: groups.length ? null : "There are no test forecasts of this model.",
      summary: last ? `${chosen.model}: in the group of the largest forecasts, ${format.number(last.forecast, 2)} units were forecast on average and ${format.number(last.actual, 2)} sold.` : "",
      rows: groups.map((row, place) => ({ ...row, group: place + 1 })),
      draw() {
        // Zero has no place on a logarithmic scale; a thousandth of a unit stands for it.
        const lift = (units) => Math.max(units, 0.001);
        const ends = groups.flatMap((row) => [lift(row.forecast), lift(row.actual)]);
        const line = [Math.min(...ends), Math.max(...ends)];
        return {
          traces: [
            { type: "scatter", mode: "lines", x: line, y: line, line: { dash: "dash", color: colours().muted, width: 1.5 }, hoverinfo: "skip" },
            { type: "scatter", mode: "markers+lines", x: groups.map((row) => lift(row.forecast)), y: groups.map((row) => lift(row.actual)), marker: { size: 9, color: colours().addtocart }, line: { color: colours().addtocart, width: 1 }, hovertemplate: "forecast %{x:.3f}, sold %{y:.3f}<extra></extra>" },
          ],
          layout: { showlegend: false, hovermode: "closest", xaxis: { type: "log", dtick: 1, title: { text: "Mean forecast" } }, yaxis: { type: "log", dtick: 1, rangemode: "normal", title: { text: "Mean sold" } } },
        };
      },
    });
  }

  function pairColumns(first, heading) {
    return [
      { name: heading, isText: true, value: (row) => row[first] },
      { name: "Sold", value: (row) => row.actual },
      { name: "Forecast", value: (row) => row.units[chosen.model], show: (units) => format.number(units, 1) },
      { name: "Mean Poisson deviance", value: (row) => row.deviance[chosen.model], show: (units) => format.number(units, 3) },
      { name: "Of the best simple rule", value: (row) => row.deviance[rivalOf()], show: (units) => format.number(units, 3) },
    ];
  }

  const weeksPanel = panel({
    title: "Performance over time", name: "weeks", height: 310,
    how: [
      term("poisson-deviance", "Poisson deviance"), " of single products, week by week of the test; lower is better. ",
      "Of all products that were known when a week began, whatever the level.",
    ],
    columns: pairColumns("days", "Week"),
  });
  const classesPanel = panel({
    title: "By how much a product sells", name: "classes", height: 310,
    how: ["The same, by the units that a product sold in the four weeks before, of all products, whatever the level."],
    columns: pairColumns("class", "Class"),
  });

  const leadsPanel = panel({
    title: "By days ahead", name: "leads", height: 310,
    how: [
      "The advantage in ", term("poisson-deviance", "Poisson deviance"), " over the best simple rule of each day ahead, with its 95 % ",
      term("interval", "interval"), ": above zero the model is better. Of all products, and of the final model, whatever is chosen above.",
    ],
    columns: [
      { name: "Days ahead", value: (row) => row.day },
      { name: "Mean Poisson deviance", value: (row) => row.deviance, show: (units) => format.number(units, 4) },
      { name: "Best simple rule", isText: true, value: (row) => row.rival },
      { name: "Its deviance", value: (row) => row.rival_deviance, show: (units) => format.number(units, 4) },
      { name: "Advantage", value: (row) => row.advantage, show: (share) => format.percent(share) },
      { name: "Low", value: (row) => row.low ?? NaN, show: (share) => format.percent(share) },
      { name: "High", value: (row) => row.high ?? NaN, show: (share) => format.percent(share) },
    ],
    limit: 14,
  });

  function showLeads() {
    const rows = value.days;
    const sure = rows.filter((row) => row.low > 0);
    leadsPanel.show({
      empty: rows.length ? null : "The test is too small for a comparison by days ahead.",
      summary: rows.length
        ? `${value.final} is ahead of the best simple rule by ${format.percent(rows[0].advantage)} one day ahead and by ${format.percent(rows[rows.length - 1].advantage)} on the last; beyond chance on ${format.plural(sure.length, "day")} of ${rows.length}.`
        : "",
      rows,
      draw: () => ({
        traces: [{
          type: "scatter", mode: "markers", x: rows.map((row) => row.day), y: rows.map((row) => row.advantage),
          error_y: {
            type: "data", symmetric: false, color: colours().muted, thickness: 2, width: 4,
            array: rows.map((row) => (row.high === null ? 0 : row.high - row.advantage)),
            arrayminus: rows.map((row) => (row.low === null ? 0 : row.advantage - row.low)),
          },
          marker: { size: 11, color: colours().addtocart }, hovertemplate: "day %{x}: %{y:.1%}<extra></extra>",
        }],
        layout: {
          showlegend: false, hovermode: "closest", xaxis: { dtick: 1, showgrid: false, zeroline: false, title: { text: "Days ahead" } },
          yaxis: { tickformat: ",.0%", rangemode: "tozero", zerolinewidth: 2, title: { text: "Advantage" } },
        },
      }),
    });
  }

  function showPair(shown, rows, label, kind) {
    const rival = rivalOf();
    const wins = rows.filter((row) => row.deviance[chosen.model] < row.deviance[rival]).length;
    shown.show({
      empty: rows.length ? null : "The log is too short for a test.",
      summary: `${chosen.model} is ahead of ${rival} in ${format.number(wins)} of ${format.plural(rows.length, kind, kind === "class" ? "classes" : `${kind}s`)}.`,
      rows,
      draw: () => ({
        traces: [chosen.model, rival].filter(Boolean).map((model, place) => ({
          type: "bar", name: model, x: rows.map((row) => row.tick || row[label]), y: rows.map((row) => row.deviance[model]),
          marker: { color: place ? colours().view : colours().addtocart }, hovertemplate: "%{y:.3f}",
        })),
        layout: { bargap: 0.3, xaxis: { type: "category", showgrid: false }, yaxis: { title: { text: "Mean Poisson deviance" } } },
      }),
    });
  }

  // ---------------------------------------------------------------- the page

  const cards = smartrocket.cards();

  function showCards() {
    const metric = chosen.metric;
    const ranked = METRICS.length ? scored(chosen.level, metric) : [];
    const baseline = ranked.find((score) => !isOurs(score.model));
    const wanted = [...new Set([chosen.model, ...value.models.filter(isOurs), baseline && baseline.model])].filter(Boolean);
    cards.show(wanted.map((model) => ranked.find((score) => score.model === model)).filter(Boolean).map((score) => ({
      name: score.model, label: score.model, value: score.value, text: write(metric, score.value),
      note: score === baseline ? `${value.metrics[metric].label}; best simple rule`
        : score.low === null ? value.metrics[metric].label : `${value.metrics[metric].label}, ${write(metric, score.low)} to ${write(metric, score.high)}`,
    })));
  }

  async function update() {
    const begun = performance.now();
    levels.choose(chosen.level);
    models.value = chosen.model;
    if (METRICS.length) metrics.value = chosen.metric;
    horizons.value = chosen.model === value.final ? chosen.horizon : "all";
    horizons.disabled = chosen.model !== value.final;
    drawWhich();
    showCards();
    showModels();
    showGroups();
    showPair(weeksPanel, value.weeks.map((row, week) => ({
      ...row, tick: format.dayMonth(log.date(value.origins[week] + 1)), days: format.span(log.date(value.origins[week] + 1), log.date(value.origins[week] + value.horizon)),
    })), "days", "week");
    showPair(classesPanel, value.classes, "class", "class");
    showLeads();
    const shown = chosen;
    const missing = findMissing();
    const told = missing ? { empty: missing } : await forecasts.tellCourse(chosen.level, numberOf(), chosen.model, horizons.value);
    // Something else may have been chosen while the forecasts were loaded.
    if (chosen !== shown) return;
    course.show(told);
    const [, horizon] = HORIZONS.find(([name]) => name === horizons.value);
    status.textContent = missing ?? `${chosen.model}, ${nameChosen()}, ${horizon.toLowerCase()}.`;
    place.dataset.milliseconds = (performance.now() - begun).toFixed(1);
  }

  address.onTravel((state) => {
    chosen = read(state);
    update();
  });
  const definition = METRICS.filter((metric) => TERMS[metric]).flatMap((metric, at) => [at ? " · " : "", term(TERMS[metric], value.metrics[metric].label)]);
  place.replaceChildren(
    filters,
    ...section("The coming days", course),
    make("h2", {}, "How good the models are"), cards.element,
    definition.length ? make("p", { class: "trail spaced" }, "What the measures mean: ", ...definition) : "",
    make("div", { class: "panels" }, modelsPanel.element, groupsPanel.element, weeksPanel.element, classesPanel.element, leadsPanel.element),
  );
  await update();
});
