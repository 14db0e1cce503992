// The Business page: what the shop sold, to whom, in which categories and when.
smartrocket.start(function (log, place) {
  "use strict";

  const { make, format, term, colours, panel, choice, address, nameKind, section, sum, averageWeek, noteUnpriced, tellRevenue } = smartrocket;
  const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
  const view = log.kinds.indexOf("view");
  const cart = log.kinds.indexOf("addtocart");
  const { sold } = log;
  const width = log.kinds.length;

  // ---------------------------------------------------------------- what is counted

  let chosen = null;
  let now = null;
  let visitors = null;
  // Categories are compared so many levels below the chosen one.
  const DEPTHS = log.tree.levels(null).map((_, place) => [String(place + 1), place ? `${place + 1} levels below` : "1 level below"]);
  let depth = 1;
  let groups = null;

  function countAll() {
    const restriction = smartrocket.restrict(log, chosen);
    now = log.count(restriction);
    if (log.hasCategories) {
      depth = Math.min(Number(address.option("levels", DEPTHS)), log.tree.levels(chosen.category).length || 1);
      groups = log.tree.groups(chosen.category, depth);
    }
    const groupCount = groups ? log.tree.parts(chosen.category, depth).length : 0;
    visitors = log.countVisitors({ ...restriction, groups, groupCount });
  }

  function countBefore() {
    const earlier = smartrocket.earlier(log, chosen);
    if (!earlier) return null;
    const restriction = smartrocket.restrict(log, earlier);
    return { counted: log.count(restriction), visitors: log.countVisitors(restriction) };
  }

  function ofKind(kind, counted = now) {
    return Array.from({ length: counted.days }, (_, day) => counted.daily[day * width + kind]);
  }

  function activeItems(counted) {
    let active = 0;
    for (let item = 0; item < log.items.length; item += 1) {
      for (let kind = 0; kind < width; kind += 1) {
        if (counted.items[item * width + kind]) {
          active += 1;
          break;
        }
      }
    }
    return active;
  }

  // Conversion needs buyers and those who did not buy: with either kind of event left out it says nothing.
  const canConvert = () => chosen.kinds.includes("transaction") && chosen.kinds.length > 1;

  function measures(counted, came) {
    return {
      revenue: counted.revenue, orders: counted.orders, units: counted.kinds[sold],
      // Of an order without any known price nobody knows the value.
      basket: counted.pricedOrders ? counted.revenue / counted.pricedOrders : NaN,
      conversion: canConvert() && came.all ? came.kinds[sold] / came.all : NaN,
      visitors: came.all, views: counted.kinds[view], carts: counted.kinds[cart], items: activeItems(counted),
    };
  }

  function listCards() {
    const values = measures(now, visitors);
    const past = countBefore();
    const before = past ? measures(past.counted, past.visitors) : {};
    const unpriced = noteUnpriced(now);
    const card = (name, label, text, more = {}) => ({
      name, label, value: values[name], before: before[name], text: text(values[name]), ...more,
    });
    return [
      log.hasPrices && card("revenue", "Revenue", format.short, { series: [...now.dailyRevenue], note: unpriced }),
      log.hasOrders && card("orders", "Orders", format.number, { series: [...now.dailyOrders] }),
      card("units", "Units sold", format.number, { series: ofKind(sold) }),
      log.hasPrices && log.hasOrders && card("basket", "Average order value", format.short, { note: unpriced }),
      card("conversion", "Conversion", (share) => format.percent(share, 2), {
        isShare: true, note: canConvert() ? "visitors who bought" : "needs sales and other events",
      }),
      card("visitors", "Visitors", format.number, { series: [...visitors.daily] }),
      card("views", "Views", format.number, { series: ofKind(view) }),
      card("carts", "Adds to cart", format.number, { series: ofKind(cart) }),
      card("items", "Active products", format.number, { note: "with at least one event" }),
    ].filter(Boolean);
  }

  // ---------------------------------------------------------------- what the charts can show

  const COUNTED = { revenue: "transaction", units: "transaction", orders: "transaction", views: "view", carts: "addtocart" };

  // Have a chart show what the address says, or else the first that the chosen kinds of events can tell; its buttons
  // offer no other.
  function follow(name, options, ...choices) {
    const isTold = ([value]) => value === "visitors" || chosen.kinds.includes(COUNTED[value] || value);
    const told = options.filter(isTold);
    const shown = address.option(name, told.length ? told : options);
    choices.forEach((buttons) => buttons.choose(shown, told.map(([value]) => value)));
    return shown;
  }

  // ---------------------------------------------------------------- the course of the days

  const DAILY = [
    log.hasPrices && ["revenue", "Revenue"], ["units", "Units"], log.hasOrders && ["orders", "Orders"],
    ["visitors", "Visitors"], ["views", "Views"], ["carts", "Adds to cart"],
  ].filter(Boolean);
  let daily = null;

  // Why there is nothing to draw: nothing happened, or what it brought in is not known.
  function sayEmpty(name, total, where) {
    if (total) return null;
    return name === "revenue" && Number.isNaN(now.revenue) ? `No price is known of what was sold in ${where}.` : `Nothing of this happened in ${where}.`;
  }

  // Where the most is reached more than once, the first is not the only one.
  function tellTies(values, noun) {
    const most = Math.max(...values);
    const others = values.filter((value) => value === most).length - 1;
    return others ? ` and ${format.plural(others, noun)}` : "";
  }

  function dailyValues(name, counted = now, came = visitors) {
    if (name === "revenue") return [...counted.dailyRevenue];
    if (name === "orders") return [...counted.dailyOrders];
    if (name === "visitors") return [...came.daily];
    return ofKind({ units: sold, views: view, carts: cart }[name], counted);
  }

  function sixDaysBefore(name) {
    const from = Math.max(0, chosen.from - 6);
    const restriction = { ...smartrocket.restrict(log, chosen), from, to: chosen.from - 1 };
    return name === "visitors"
      ? dailyValues(name, null, log.countVisitors(restriction))
      : dailyValues(name, log.count(restriction));
  }

  const dailyChoice = choice("What is shown", DAILY, null, (name) => {
    address.keepOption("daily", DAILY, name);
    showDays();
  });
  const dailyPanel = panel({
    title: "Day by day", name: "days", isWide: true, height: 300,
    tools: [dailyChoice],
    how: [
      "A bar is a day (", term("utc", "UTC"), "), the line the mean of the seven days that end with it. ",
      smartrocket.canDrag ? "Drag over days to choose them; a double click brings back the usual days." : "",
    ],
    columns: [
      { name: "Day", isText: true, value: (row) => row.date },
      ...DAILY.map(([name, label]) => ({
        name: label, value: name === "revenue" ? tellRevenue : (row) => row[name], show: format.short,
      })),
    ],
    limit: 14,
    onDraw(plot) {
      plot.on("plotly_relayout", (change) => {
        const ends = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
        if (ends.some((end) => end === undefined)) return;
        const days = ends.map((end) => new Date(`${String(end).replace(" ", "T")}Z`.replace(/^(\d{4}-\d{2}-\d{2})Z$/, "$1T00:00:00Z")));
        // A day counts when its bar's middle was passed.
        const [from, to] = days.map((day) => Math.round((day - Date.parse(`${log.date(0)}T00:00:00Z`)) / 86400000));
        filters.set({ from: Math.max(0, from), to: Math.min(log.days - 1, Math.max(from, to)) });
      });
      plot.on("plotly_doubleclick", () => filters.set(smartrocket.usualDays(log)));
    },
  });

  function showDays() {
    daily = follow("daily", DAILY, dailyChoice);
    const values = dailyValues(daily);
    const label = DAILY.find(([name]) => name === daily)[1];
    const all = Object.fromEntries(DAILY.map(([name]) => [name, dailyValues(name)]));
    const dates = values.map((_, day) => log.date(now.from + day));
    const before = sixDaysBefore(daily);
    const total = sum(values);
    const most = values.indexOf(Math.max(...values));
    dailyPanel.show({
      empty: sayEmpty(daily, total, "the chosen days and categories"),
      summary: `${label}: ${format.short(total / values.length)} a day on average, most on ${format.date(dates[most] || log.date(0))}${tellTies(values, "other day")} (${format.short(values[most])}).`,
      rows: !now.rows ? [] : dates.map((date, day) => ({
        date, unpriced: now.dailyUnpriced[day], ...Object.fromEntries(DAILY.map(([name]) => [name, all[name][day]])),
      })),
      draw() {
        const { view: bar, addtocart: line } = colours();
        return {
          traces: [
            { type: "bar", x: dates, y: values, name: label, marker: { color: bar, opacity: 0.55 } },
            { type: "scatter", mode: "lines", x: dates, y: averageWeek(values, before), name: "Mean of 7 days", line: { color: line, width: 2.6 } },
          ],
          layout: {
            dragmode: smartrocket.canDrag ? "zoom" : false, bargap: 0.18,
            xaxis: { type: "date", fixedrange: !smartrocket.canDrag, hoverformat: "%a %d %b %Y", autorange: true, showgrid: false },
            yaxis: { autorange: true, ...smartrocket.amounts(values, daily !== "revenue") },
          },
        };
      },
    });
  }

  // ---------------------------------------------------------------- the funnel

  const funnelPanel = panel({
    title: "From a view to a sale", name: "funnel", height: 250,
    how: [
      "Each ", term("visitor", "visitor"), " counts once a step, in the chosen days. A visitor may skip a step. ",
      term("funnel", "What a funnel is"), ".",
    ],
    columns: [
      { name: "Step", isText: true, value: (row) => row.label },
      { name: "Visitors", value: (row) => row.count },
      { name: "Of all visitors", value: (row) => row.share, show: (share) => format.percent(share, 2) },
      { name: "Of the step before", value: (row) => row.kept, show: (share) => format.percent(share, 2) },
    ],
  });

  function showFunnel() {
    const steps = [["Viewed", view], ["Added to cart", cart], ["Bought", sold]].filter(([, kind]) => chosen.kinds.includes(log.kinds[kind]));
    const rows = steps.map(([label, kind], step) => {
      const count = visitors.kinds[kind];
      const previous = step ? visitors.kinds[steps[step - 1][1]] : visitors.all;
      return { label, count, share: visitors.all ? count / visitors.all : NaN, kept: previous ? count / previous : NaN };
    });
    funnelPanel.show({
      empty: !steps.length ? "None of its steps is among the chosen events." : visitors.all ? null : "Nobody came in the chosen days, categories and events.",
      summary: `Of ${format.plural(visitors.all, "visitor")}, ${format.joined(rows.map((row) => `${format.number(row.count)} ${row.label.toLowerCase()}`))}.`,
      rows: visitors.all ? rows : [],
      draw() {
        const { view: one, addtocart: two, transaction: three, ink } = colours();
        return {
          traces: [{
            type: "bar", orientation: "h", y: rows.map((row) => row.label), x: rows.map((row) => row.count),
            text: rows.map((row) => `${format.number(row.count)} · ${format.percent(row.share)}`), textposition: "auto",
            // On the colours of the steps, in both themes, black is read and white is not.
            outsidetextfont: { color: ink }, insidetextfont: { color: "#000" }, cliponaxis: false,
            marker: { color: steps.map(([, kind]) => ({ [view]: one, [cart]: two, [sold]: three })[kind]) }, hoverinfo: "skip",
          }],
          layout: {
            bargap: 0.3, hovermode: false, xaxis: { visible: false, rangemode: "tozero" },
            yaxis: { autorange: "reversed", rangemode: "normal", showgrid: false },
          },
        };
      },
    });
  }

  // ---------------------------------------------------------------- hours and weekdays

  // Named in the address as the filters name them.
  const HOURLY = log.usedKinds.map((kind) => [kind, nameKind(kind)]);
  const hourlyChoice = choice("Events shown", HOURLY, null, (kind) => {
    address.keepOption("hourly", HOURLY, kind);
    showWeek();
  });
  const weekPanel = panel({
    title: "Hour and weekday", name: "week", height: 250,
    tools: [hourlyChoice],
    how: [`The stronger the colour, the more happened in that hour of the week, by the clock of ${log.timeZone}.`],
    columns: [
      { name: "Weekday", isText: true, value: (row) => row.weekday },
      { name: "Hour", value: (row) => row.hour, show: (hour) => `${hour}:00` },
      { name: "Events", value: (row) => row.count },
    ],
    limit: 24,
  });

  function showWeek() {
    const kind = follow("hourly", HOURLY, hourlyChoice);
    const cells = Array.from({ length: 168 }, (_, cell) => now.week[cell * width + log.kinds.indexOf(kind)]);
    const total = sum(cells);
    const most = cells.indexOf(Math.max(...cells));
    const rows = cells.map((count, cell) => ({ weekday: WEEKDAYS[Math.floor(cell / 24)], hour: cell % 24, count }));
    weekPanel.show({
      empty: total ? null : "None of these events happened in the chosen days and categories.",
      summary: `${nameKind(kind)}: most on ${rows[most].weekday} from ${rows[most].hour}:00${tellTies(cells, "other hour")} (${format.number(cells[most])} of ${format.number(total)}).`,
      rows: total ? rows : [],
      draw: () => ({
        traces: [{
          type: "heatmap", z: WEEKDAYS.map((_, weekday) => cells.slice(24 * weekday, 24 * weekday + 24)),
          x: Array.from({ length: 24 }, (_, hour) => hour), y: WEEKDAYS.map((weekday) => weekday.slice(0, 3)),
          colorscale: smartrocket.scale(), zmin: 0, showscale: false, xgap: 2, ygap: 2,
          hovertemplate: "%{y} %{x}:00: %{z:,}<extra></extra>",
        }],
        layout: {
          hovermode: "closest", xaxis: { showgrid: false, dtick: 3, ticksuffix: ":00", zeroline: false },
          yaxis: { autorange: "reversed", showgrid: false, rangemode: "normal", zeroline: false },
        },
      }),
    });
  }

  // ---------------------------------------------------------------- categories

  const SIZES = [log.hasPrices && ["revenue", "Revenue"], ["units", "Units"], ["views", "Views"], ["carts", "Adds to cart"]].filter(Boolean);
  const SIZE_KINDS = { units: sold, views: view, carts: cart };
  let size = null;

  function sizeOf(category, name) {
    if (name === "revenue") return now.categoryRevenue[category];
    if (name === "unpriced") return now.categoryUnpriced[category];
    return now.categories[category * width + SIZE_KINDS[name]];
  }

  // The sums of each category and all below it.
  function sumTree(name) {
    const sums = new Float64Array(log.tree.size);
    for (let category = 0; category < log.tree.size; category += 1) {
      const value = sizeOf(category, name);
      if (!category) sums[0] += value;
      else if (value) log.tree.path(category).forEach((ancestor) => { sums[ancestor] += value; });
    }
    return sums;
  }

  function listParts() {
    const names = ["revenue", "unpriced", "units", "views", "carts"];
    const sums = Object.fromEntries(names.map((name) => [name, sumTree(name)]));
    const isSplit = (part, group) => log.tree.children(part).some((child) => groups[child] !== group);
    const parts = log.tree.parts(chosen.category, depth).map((part, group) => ({
      part,
      label: part && (part === chosen.category || isSplit(part, group)) ? `${log.tree.label(part)} itself` : log.tree.label(part),
      ...Object.fromEntries(names.map((name) => [name, !part || isSplit(part, group) ? sizeOf(part, name) : sums[name][part]])),
      visitors: visitors.groups[group],
      conversion: canConvert() && visitors.groups[group] ? visitors.groupBuyers[group] / visitors.groups[group] : NaN,
    }));
    return { sums, parts: parts.filter((row) => row.visitors).sort((one, other) => other[size] - one[size]) };
  }

  const chooseSize = (name) => {
    address.keepOption("size", SIZES, name);
    showCategories();
  };
  const partsChoice = choice("Compared by", SIZES, null, chooseSize);
  const treeChoice = choice("Area", SIZES, null, chooseSize);
  const depthChoice = make("select", {
    "aria-label": "Level", onchange() {
      address.keepOption("levels", DEPTHS, depthChoice.value);
      update(chosen);
    },
  }, ...DEPTHS.map(([value, text]) => make("option", { value }, text)));

  const partsPanel = panel({
    title: "Categories compared", name: "categories", height: 330, tools: [...(DEPTHS.length > 1 ? [depthChoice] : []), partsChoice],
    how: [
      "The categories some levels below the chosen one, with all that is below them, and what those between have of their own; a product is in the category that it had ",
      "at the event, or in its first known one before that. A visitor of two categories counts in both.",
    ],
    columns: [
      {
        name: "Category", isText: true, value: (row) => row.label,
        show: (label, row) => (row.part ? smartrocket.link(`products.html${address.linkTo({ category: log.tree.ids[row.part - 1] })}`, label) : label),
      },
      log.hasPrices && { name: "Revenue", value: tellRevenue, show: format.short },
      { name: "Units", value: (row) => row.units },
      { name: "Views", value: (row) => row.views },
      { name: "Adds to cart", value: (row) => row.carts },
      { name: "Visitors", value: (row) => row.visitors },
      { name: "Conversion", value: (row) => row.conversion, show: (share) => format.percent(share, 2) },
    ].filter(Boolean),
  });

  const treePanel = panel({
    title: "The tree of categories", name: "tree", height: 330, tools: [treeChoice],
    how: [
      "The larger a field, the larger its part; the stronger its colour, the more sales for each view. ",
      "Choose a field to see only that ", term("category-tree", "category"), ". Products without a category are left out.",
    ],
    columns: [
      { name: "Category", isText: true, value: (row) => row.label },
      { name: "Level", value: (row) => row.level },
      log.hasPrices && { name: "Revenue", value: tellRevenue, show: format.short },
      { name: "Units", value: (row) => row.units },
      { name: "Views", value: (row) => row.views },
      { name: "Adds to cart", value: (row) => row.carts },
      { name: "Sales for 100 views", value: (row) => row.rate, show: (rate) => format.number(rate, 2) },
    ].filter(Boolean),
    onDraw(plot) {
      plot.on("plotly_treemapclick", (event) => {
        const id = event.points[0].id;
        filters.set({ category: id === "all" ? null : Number(id) });
        // The filter shows the part; Plotly's own zoom would show it a second time.
        return false;
      });
    },
  });

  function describeLead(parts, whole) {
    const [first] = parts;
    if (parts.length === 1) return `There is nothing to compare: ${first.label} has all ${whole}.`;
    const share = first[size] / sum(parts.map((row) => row[size]));
    const equal = parts.filter((row) => row[size] === first[size]).length;
    if (equal > 1) return `${format.number(equal)} parts have ${format.percent(share)} ${whole} each${equal < parts.length ? ", more than any other" : ""}.`;
    return `${first.label} leads with ${format.percent(share)} ${whole}, ahead of ${format.plural(parts.length - 1, "other part")}.`;
  }

  function showCategories() {
    size = follow("size", SIZES, partsChoice, treeChoice);
    depthChoice.value = depth;
    const deepest = log.tree.levels(chosen.category).length || 1;
    [...depthChoice.options].forEach((option) => { option.disabled = Number(option.value) > deepest; });
    const { sums, parts } = listParts();
    const label = SIZES.find(([name]) => name === size)[1].toLowerCase();
    const total = sum(parts.map((row) => row[size]));
    const empty = sayEmpty(size, total, "the chosen days, categories and events");
    const shown = parts.slice(0, 12);
    partsPanel.show({
      empty, summary: total ? describeLead(parts, `of the ${label}`) : "", rows: parts,
      draw: () => ({
        traces: [{
          type: "bar", orientation: "h", y: shown.map((row) => row.label), x: shown.map((row) => row[size]),
          marker: { color: colours().view }, hovertemplate: "%{y}: %{x:,.0f}<extra></extra>",
        }],
        layout: {
          bargap: 0.3, hovermode: "closest", xaxis: { nticks: 6, ...smartrocket.amounts(shown.map((row) => row[size]), size !== "revenue") },
          yaxis: { autorange: "reversed", rangemode: "normal", showgrid: false, type: "category" },
        },
      }),
    });
    const isInside = log.tree.below(chosen.category);
    const fields = [];
    for (let category = 1; category < log.tree.size; category += 1) {
      if (sums[size][category] > 0 && (!isInside || isInside[category])) {
        const views = sums.views[category];
        fields.push({
          category, label: log.tree.label(category), level: log.tree.path(category).length,
          revenue: sums.revenue[category], unpriced: sums.unpriced[category], units: sums.units[category], views,
          carts: sums.carts[category],
          rate: views ? (100 * sums.units[category]) / views : NaN,
        });
      }
    }
    fields.sort((one, other) => other[size] - one[size]);
    treePanel.show({
      empty: chosen.category === 0 ? "The tree holds known categories only." : sayEmpty(size, fields.length, "known categories"),
      summary: fields.length ? describeLead(parts.filter((row) => row.part), `of the ${label} in known categories`) : "",
      rows: fields,
      draw: () => drawTree(fields),
    });
  }

  const SMALLEST = 0.012;

  function drawTree(fields) {
    const { ink, paper } = colours();
    const isTop = (field) => field.category === chosen.category || !log.tree.parent(field.category);
    const all = sumFields(fields.filter(isTop));
    // Fields too small to be seen would cost most of the time that drawing takes; the table has them all.
    fields = fields.filter((field) => field[size] >= SMALLEST * all[size]);
    if (chosen.category === null) fields = [all, ...fields];
    const parentOf = (field) => {
      if (field.category === chosen.category || field.category === null) return "";
      return String(log.tree.parent(field.category) || "all");
    };
    const rates = fields.map((field) => field.rate || 0);
    return {
      traces: [{
        type: "treemap", branchvalues: "total", maxdepth: 3, sort: true,
        ids: fields.map((field) => String(field.category ?? "all")), labels: fields.map((field) => field.label),
        parents: fields.map(parentOf),
        values: fields.map((field) => field[size]), text: fields.map((field) => format.short(field[size])),
        marker: {
          // The rate of a category with hardly any view is chance, and must not set the scale.
          colors: rates, colorscale: smartrocket.scale(), cmin: 0,
          cmax: Math.max(...rates.filter((_, place) => fields[place].views >= 30), 0.1),
          line: { color: paper, width: 1.5 }, pad: { t: 22, l: 4, r: 4, b: 4 },
        },
        textfont: { color: ink }, pathbar: { visible: false }, textinfo: "label+text", tiling: { pad: 2 },
        hovertemplate: "%{label}: %{value:,.0f}<br>%{color:.2f} sales for 100 views<extra></extra>",
      }],
      // A name that does not fit its field at a size that can be read is left out.
      layout: { hovermode: "closest", margin: { l: 0, r: 0, t: 0, b: 0 }, uniformtext: { minsize: 10, mode: "hide" } },
    };
  }

  function sumFields(fields) {
    const [revenue, units, views, carts] = ["revenue", "units", "views", "carts"].map((name) => sum(fields.map((field) => field[name])));
    return { category: null, label: "All categories", revenue, units, views, carts, rate: views ? (100 * units) / views : NaN };
  }

  // ---------------------------------------------------------------- distributions

  const unitsPanel = panel({
    title: "Sales of a product", name: "units", height: 270,
    how: ["How many products sold so many units in the chosen days. Most sell rarely: the ", term("long-tail", "long tail"), "."],
    columns: [
      { name: "Units sold", isText: true, value: (row) => row.label },
      { name: "Products", value: (row) => row.count },
    ],
    limit: 20,
  });
  const sayUnsold = (words) => smartrocket.leaveOut(chosen, "transaction") || `${words} in the chosen days and categories.`;
  const UNIT_BINS = [1, 2, 3, 4, 5, 6, 11, 21, 51, 101, 501, Infinity];

  function showUnits() {
    const rows = UNIT_BINS.slice(0, -1).map((low, bin) => {
      const high = UNIT_BINS[bin + 1] - 1;
      return { low, high, label: low === high ? String(low) : high === Infinity ? `${low} or more` : `${low}–${high}`, count: 0 };
    });
    let products = 0;
    for (let item = 0; item < log.items.length; item += 1) {
      const units = now.items[item * width + sold];
      if (units) {
        rows.find((row) => units <= row.high).count += 1;
        products += 1;
      }
    }
    while (rows.length && !rows[rows.length - 1].count) rows.pop();
    unitsPanel.show({
      empty: products ? null : sayUnsold("No product was sold"),
      summary: products ? `${format.plural(products, "product")} sold, ${format.percent(rows[0].count / products)} of them once.` : "",
      rows,
      draw: () => drawBars(rows, colours().transaction, "Units sold", "Products"),
    });
  }

  function drawBars(rows, colour, across, up) {
    return {
      traces: [{
        type: "bar", x: rows.map((row) => row.label), y: rows.map((row) => row.count), marker: { color: colour },
        hovertemplate: `%{x}: %{y:,}<extra></extra>`,
      }],
      layout: {
        bargap: 0.12, hovermode: "closest", xaxis: { type: "category", title: { text: across }, showgrid: false },
        yaxis: { title: { text: up }, ...smartrocket.amounts(rows.map((row) => row.count)) },
      },
    };
  }

  const pricesPanel = log.hasPrices ? panel({
    title: "Prices of what was sold", name: "prices", height: 270,
    how: ["Units by the price that the product had when it was sold. Each step is as many times dearer as the one before."],
    columns: [
      { name: "Price", isText: true, value: (row) => row.range },
      { name: "Units", value: (row) => row.count },
    ],
    limit: 24,
  }) : null;

  function showPrices() {
    const prices = Float64Array.from(now.prices).sort();
    const positive = prices.filter((price) => price > 0);
    const rows = positive.length ? binPrices(positive) : [];
    pricesPanel.show({
      empty: positive.length ? null : sayUnsold("Nothing with a known price was sold"),
      summary: positive.length
        ? `Half of the units cost ${format.short(smartrocket.leastOf(positive, 0.5))} or less, nine of ten ${format.short(smartrocket.leastOf(positive, 0.9))} or less.`
        : "",
      rows,
      draw: () => drawBars(rows, colours().series[4], "Price from", "Units"),
    });
  }

  // The lowest price that so large a share of the units does not exceed.
  smartrocket.leastOf = (prices, share) => prices[Math.ceil(prices.length * share) - 1];

  function binPrices(prices) {
    const low = prices[0];
    const ratio = Math.max(prices[prices.length - 1] / low, 1.01);
    const bins = 12;
    const edge = (bin) => low * ratio ** (bin / bins);
    const rows = Array.from({ length: bins }, (_, bin) => ({
      label: format.rough(edge(bin)), range: `${format.short(edge(bin))} to ${format.short(edge(bin + 1))}`, count: 0,
    }));
    for (const price of prices) rows[Math.min(bins - 1, Math.floor((bins * Math.log(price / low)) / Math.log(ratio)))].count += 1;
    return rows;
  }

  // ---------------------------------------------------------------- the page

  const cards = smartrocket.cards();

  function update(newlyChosen) {
    const begun = performance.now();
    chosen = newlyChosen;
    countAll();
    cards.show(listCards());
    showDays();
    showFunnel();
    showWeek();
    if (log.hasCategories) showCategories();
    showUnits();
    if (pricesPanel) showPrices();
    place.dataset.milliseconds = (performance.now() - begun).toFixed(1);
  }

  const filters = smartrocket.filters(log, update);
  place.replaceChildren(
    filters.element,
    make("h2", {}, "Key figures"), cards.element,
    ...section("Over time", dailyPanel, funnelPanel, weekPanel),
    ...(log.hasCategories ? section("Categories", partsPanel, treePanel) : []),
    ...section("Products and prices", unitsPanel, pricesPanel),
  );
  update(filters.chosen());
});
