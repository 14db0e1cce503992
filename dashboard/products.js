// The Products page: search, one category, or one product.
smartrocket.start(async function (log, place) {
  "use strict";

  const { make, format, term, link, colours, panel, tablePanel, sum, averageWeek, noteUnpriced, leaveOut, address } = smartrocket;
  const known = await smartrocket.load("products");
  const forecasts = await smartrocket.openForecasts(log);
  const view = log.kinds.indexOf("view");
  const cart = log.kinds.indexOf("addtocart");
  const { sold, tree } = log;
  const width = log.kinds.length;
  const WEEK = 7;

  const nameItem = (item) => log.nameItem(log.items[item]);
  const linkItem = (item) => link(address.linkTo({ item: log.items[item] }), log.shortName(log.items[item]));
  const NUMBER = log.hasNames ? "number or name" : "number";
  const linkCategory = (category) => link(
    address.linkTo({ item: null, category: category ? tree.ids[category - 1] : "none" }), tree.label(category),
  );
  const linkAll = () => link(address.linkTo({ item: null, category: null }), "All categories");
  const AVAILABLE = ["not known", "available", "not available"];

  function linkPath(category) {
    const path = category ? tree.path(category).map(linkCategory) : [linkCategory(0)];
    return path.flatMap((step, place) => (place ? [" › ", step] : [step]));
  }

  // ---------------------------------------------------------------- search

  const search = make("input", {
    type: "search", id: "product-search", placeholder: `e.g. ${log.items[0]}`, autocomplete: "off",
    oninput() {
      address.change({ search: search.value });
      find();
    },
    onkeydown(event) {
      const first = found.element.querySelector("tbody a");
      if (event.key === "Enter" && search.value.trim() && first) first.click();
    },
  });
  const found = tablePanel({
    title: "Search", name: "search", how: "Numbers that begin with what you type come first.",
    columns: [
      {
        name: "Found", isText: true, value: (row) => (row.item === undefined ? tree.label(row.category) : nameItem(row.item)),
        show: (_, row) => (row.item === undefined ? linkCategory(row.category) : linkItem(row.item)),
      },
      { name: "In category", isText: true, value: (row) => inCategory(row), show: (_, row) => (inCategory(row) ? linkCategory(outer(row)) : "–") },
    ],
    empty: `No product or category has this ${NUMBER}.`,
  });
  found.element.hidden = true;
  const searchBox = make(
    "div", { class: "filters search", role: "search" },
    make("h2", { class: "visually-hidden" }, "Find a product or a category"),
    make("div", { class: "field" }, make("label", { for: "product-search" }, `Find a product or a category by its ${NUMBER}`), search),
  );

  // The category that a product or a category is in.
  const outer = (row) => (row.item === undefined ? tree.parent(row.category) : log.itemCategory[row.item]);
  const inCategory = (row) => (row.item === undefined && !outer(row) ? "" : tree.label(outer(row)));

  function find() {
    const text = search.value.trim();
    found.element.hidden = !text;
    if (!text) return;
    const start = smartrocket.numberIn(text);
    // Whoever names a product wants no category of the same number.
    const isProduct = /^product/i.test(text) || (log.hasNames && !smartrocket.isNumber(text));
    const numbers = isProduct ? [] : Array.from(tree.ids.keys(), (place) => place + 1);
    const categories = numbers.filter((number) => String(tree.ids[number - 1]).startsWith(start));
    categories.sort((one, other) => (tree.ids[one - 1] < tree.ids[other - 1] ? -1 : 1));
    const items = smartrocket.findItems(log, text);
    found.show(
      [...categories.slice(0, 3).map((category) => ({ category })), ...items.map((item) => ({ item })), ...categories.slice(3).map((category) => ({ category }))],
      `${format.plural(items.length, "product")} and ${format.plural(categories.length, "category", "categories")} found.`,
    );
  }

  // ---------------------------------------------------------------- one category, or the whole shop

  const cards = smartrocket.cards();
  const patternPanel = panel({
    title: "Sales day by day", name: "sales", height: 260,
    how: ["A bar is a day (", term("utc", "UTC"), "), the line the mean of the seven days that end with it."],
    columns: [
      { name: "Day", isText: true, value: (row) => row.date }, { name: "Units", value: (row) => row.units },
    ],
    limit: 14,
  });
  const sharePanel = panel({
    title: "Market share over time", name: "share", height: 260,
    how: ["The part of the shop's units that this category sold, week by week; weeks are counted back from the last chosen day."],
    columns: [
      { name: "Week from", isText: true, value: (row) => row.date }, { name: "Units", value: (row) => row.units },
      { name: "Units of the shop", value: (row) => row.all },
      { name: "Share", value: (row) => row.share, show: (share) => format.percent(share, 2) },
    ],
  });
  const itemColumns = [
    { name: "Product", isText: true, value: (row) => nameItem(row.item), show: (_, row) => linkItem(row.item) },
    { name: "Units", value: (row) => row.units },
    log.hasPrices && { name: "Revenue", value: smartrocket.tellRevenue, show: format.short },
    { name: "Views", value: (row) => row.views },
    { name: "Adds to cart", value: (row) => row.carts },
    { name: "Sales per 100 views", value: (row) => row.rate, show: (rate) => format.number(rate, 1) },
  ].filter(Boolean);
  const topPanel = tablePanel({
    title: "Products", name: "products", isWide: true, limit: 10, columns: itemColumns,
    how: "In the chosen days. Click a heading to sort.", empty: "No product had any of the chosen events in the chosen days.",
  });
  const risingPanel = tablePanel({
    title: "Rising products", name: "rising", limit: 8,
    how: "Ordered by how far the change is beyond what chance would do with counts of this size.",
    columns: [
      { name: "Product", isText: true, value: (row) => nameItem(row.item), show: (_, row) => linkItem(row.item) },
      { name: "Views", value: (row) => row.views },
      { name: "Before", value: (row) => row.before },
      { name: "Change", value: (row) => row.views - row.before, show: (change) => `+${format.number(change)}` },
    ],
    empty: "No product was viewed more often than before.",
  });
  const partsPanel = tablePanel({
    title: "Subcategories", name: "subcategories", limit: 8, how: "The categories directly below, with all that is below them.",
    columns: [
      { name: "Category", isText: true, value: (row) => tree.label(row.part), show: (_, row) => linkCategory(row.part) },
      { name: "Units", value: (row) => row.units }, { name: "Views", value: (row) => row.views },
      { name: "Products", value: (row) => row.products },
    ],
    empty: "This category has none.",
  });
  const heading = make("h2", { tabindex: "-1" });
  const trail = make("p", { class: "trail" });
  const said = make("p", { role: "status" });
  const categoryView = make(
    "div", {}, cards.element,
    make("div", { class: "panels spaced" }, patternPanel.element, sharePanel.element, topPanel.element, risingPanel.element, partsPanel.element),
  );

  function listItems(counted) {
    const rows = [];
    for (let item = 0; item < log.items.length; item += 1) {
      const [views, carts, units] = [view, cart, sold].map((kind) => counted.items[item * width + kind]);
      if (views || carts || units) {
        const [revenue, unpriced] = [counted.itemRevenue[item], counted.itemUnpriced[item]];
        rows.push({ item, views, carts, units, revenue, unpriced, rate: views ? (100 * units) / views : NaN });
      }
    }
    return rows.sort((one, other) => other.units - one.units || other.views - one.views);
  }

  function showCategory(chosen) {
    const restriction = smartrocket.restrict(log, chosen);
    const groups = tree.groups(chosen.category);
    const counted = log.count({ ...restriction, groups, groupCount: tree.parts(chosen.category).length });
    const shop = chosen.category === null ? counted : log.count({ ...restriction, isInside: null });
    const came = log.countVisitors(restriction);
    const rows = listItems(counted);
    const units = Array.from({ length: counted.days }, (_, day) => counted.daily[day * width + sold]);
    const all = Array.from({ length: counted.days }, (_, day) => shop.daily[day * width + sold]);
    heading.textContent = chosen.category === null ? "The whole shop" : tree.label(chosen.category);
    trail.replaceChildren(...(chosen.category ? [linkAll(), " › ", ...linkPath(chosen.category)] : []));
    cards.show([
      { name: "units", label: "Units sold", value: counted.kinds[sold], text: format.number(counted.kinds[sold]), series: units },
      log.hasPrices && { name: "revenue", label: "Revenue", value: counted.revenue, text: format.short(counted.revenue), series: [...counted.dailyRevenue], note: noteUnpriced(counted) },
      { name: "share", label: "Share of the shop's units", value: sum(units) / sum(all), text: format.percent(sum(units) / sum(all)) },
      { name: "visitors", label: "Visitors", value: came.all, text: format.number(came.all), series: [...came.daily] },
      { name: "items", label: "Active products", value: rows.length, text: format.number(rows.length) },
    ].filter(Boolean));
    const dates = units.map((_, day) => log.date(chosen.from + day));
    const past = log.count({ ...restriction, from: Math.max(0, chosen.from - 6), to: chosen.from - 1 });
    const before = Array.from({ length: past.days }, (_, day) => past.daily[day * width + sold]);
    patternPanel.show({
      empty: sum(units) ? null : leaveOut(chosen, "transaction") || "Nothing was sold in the chosen days.",
      summary: `${format.plural(sum(units), "unit")} in ${format.plural(units.length, "day")}.`,
      rows: dates.map((date, day) => ({ date, units: units[day] })),
      draw: () => ({
        traces: [
          { type: "bar", x: dates, y: units, name: "Units", marker: { color: colours().transaction, opacity: 0.6 } },
          { type: "scatter", mode: "lines", x: dates, y: averageWeek(units, before), name: "Mean of 7 days", line: { color: colours().ink, width: 2 } },
        ],
        layout: { bargap: 0.18, xaxis: { type: "date", showgrid: false, hoverformat: "%a %d %b %Y" } },
      }),
    });
    showShare(chosen, units, all);
    topPanel.show(rows);
    showRising(chosen, rows);
    showParts(chosen, counted, groups);
  }

  function showShare(chosen, units, all) {
    const weeks = [];
    for (let end = units.length; end >= WEEK; end -= WEEK) {
      const [ours, shop] = [units, all].map((values) => sum(values.slice(end - WEEK, end)));
      weeks.unshift({ date: log.date(chosen.from + end - WEEK), units: ours, all: shop, share: shop ? ours / shop : NaN });
    }
    sharePanel.element.hidden = chosen.category === null;
    patternPanel.element.classList.toggle("wide", chosen.category === null);
    // A week in which the whole shop sold nothing has no shares.
    const told = weeks.filter((week) => week.all);
    const last = told[told.length - 1];
    sharePanel.show({
      empty: leaveOut(chosen, "transaction") || (told.length > 1 ? null : "Choose at least two weeks with sales to see a course."),
      summary: told.length > 1 ? `From ${format.percent(told[0].share)} in the week from ${format.date(told[0].date)} to ${format.percent(last.share)} in that from ${format.date(last.date)}.` : "",
      rows: weeks,
      draw: () => ({
        traces: [{
          type: "scatter", mode: "lines+markers", x: weeks.map((week) => week.date), y: weeks.map((week) => week.share),
          name: "Share of units", line: { color: colours().view, width: 2.4 },
        }],
        layout: { xaxis: { type: "date", showgrid: false }, yaxis: { tickformat: ".1~%" }, showlegend: false },
      }),
    });
  }

  // Views, since sales of one product are too few to rise; a change counts against its own noise, as counts scatter.
  function showRising(chosen, rows) {
    const earlier = smartrocket.earlier(log, chosen);
    const compared = `The chosen days: ${smartrocket.describeEarlier(log, chosen)}.`;
    const noViews = leaveOut(chosen, "view");
    if (noViews || !earlier) {
      risingPanel.show([], noViews || compared, "Nothing was compared.");
      return;
    }
    const before = log.count(smartrocket.restrict(log, earlier));
    const rising = rows.map((row) => ({ ...row, before: before.items[row.item * width + view] }));
    const lead = (row) => (row.views - row.before) / Math.sqrt(row.views + row.before + 1);
    const shown = rising.filter((row) => row.views > row.before).sort((one, other) => lead(other) - lead(one)).slice(0, 40);
    risingPanel.show(shown, compared);
  }

  function showParts(chosen, counted, groups) {
    partsPanel.element.hidden = !log.hasCategories;
    if (!log.hasCategories) return;
    const parts = tree.parts(chosen.category).map((part, group) => ({
      part, units: 0, views: 0, products: counted.groupItems[group],
    }));
    groups.forEach((group, category) => {
      if (group < 0) return;
      parts[group].units += counted.categories[category * width + sold];
      parts[group].views += counted.categories[category * width + view];
    });
    partsPanel.show(parts.filter((row) => row.part && row.part !== chosen.category).sort((one, other) => other.units - one.units));
  }

  // ---------------------------------------------------------------- one product

  const historyPanel = panel({
    title: "History", name: "history", isWide: true, height: 380,
    how: ["Each strip has a scale of its own: views, adds to cart and sales of a day (", term("utc", "UTC"), "), and the price where it is known."],
    columns: [
      { name: "Day", isText: true, value: (row) => row.date }, { name: "Views", value: (row) => row.views },
      { name: "Adds to cart", value: (row) => row.carts }, { name: "Units", value: (row) => row.units },
      { name: "Price", value: (row) => row.price, show: format.short },
    ],
    limit: 14,
  });
  const forecastPanel = forecasts.itemPanel();
  const ratePanel = panel({
    title: "Conversion against its category", name: "rate", height: 230,
    how: ["Sales for 100 views in the chosen days. The line is the range that chance alone explains with so many views (95 %, ", term("interval", "interval"), ")."],
    columns: [
      { name: "Of", isText: true, value: (row) => row.label }, { name: "Views", value: (row) => row.views },
      { name: "Units", value: (row) => row.units },
      { name: "Sales per 100 views", value: (row) => row.rate, show: (rate) => format.number(rate, 2) },
      { name: "Low", value: (row) => row.low, show: (rate) => format.number(rate, 2) },
      { name: "High", value: (row) => row.high, show: (rate) => format.number(rate, 2) },
    ],
  });
  const sameColumn = { name: "Product", isText: true, value: (row) => nameItem(row.item), show: (_, row) => linkItem(row.item) };
  const relatedPanel = tablePanel({
    title: "Looked at together", name: "related", limit: 12,
    how: ["Products that share most sessions with this one; recent sessions count more. ", term("lift", "Lift"), " is how many times more than chance would give."],
    columns: [
      sameColumn, { name: "Sessions", value: (row) => row.sessions },
      { name: "Lift", value: (row) => row.lift, show: (lift) => format.number(lift, 1) },
    ],
    empty: "No other product shares two sessions with this one.",
  });
  const boughtPanel = tablePanel({
    title: "Viewed this, then bought", name: "bought", limit: 8,
    how: "Sessions in which this product was viewed and, after that, the other one was bought.",
    columns: [
      { ...sameColumn, show: (_, row) => (row.isSame ? "this product itself" : linkItem(row.item)) },
      { name: "Sessions", value: (row) => row.sessions },
    ],
    empty: "Nobody bought anything after viewing this product in the same session.",
  });
  const similarPanel = tablePanel({
    title: "Alike to the network", name: "similar", limit: 12,
    how: ["Products whose ", term("embedding", "embedding"), " in GRU4Rec points the same way: visitors come to them and go on from them alike."],
    columns: [sameColumn, { name: "Cosine", value: (row) => row.cosine, show: (cosine) => format.number(cosine, 2) }],
    empty: "The network knows too little of this product.",
  });
  const productCards = smartrocket.cards();
  const productView = make(
    "div", {}, productCards.element,
    make("div", { class: "panels spaced" }, ...[historyPanel, forecastPanel, ratePanel, relatedPanel, boughtPanel, similarPanel].filter(Boolean).map((panel) => panel.element)),
  );

  function rowsOf(chunk, stem, item) {
    const within = item % known.chunk;
    const start = sum(Array.from(chunk[`${stem}_rows`].subarray(0, within)));
    return Array.from({ length: chunk[`${stem}_rows`][within] }, (_, row) => start + row);
  }

  // The range of a rate that chance explains (Wilson's interval), for 100 views.
  function interval(units, views) {
    if (!views) return [NaN, NaN];
    const share = Math.min(units / views, 1);
    const z2 = 1.96 ** 2;
    const middle = (share + z2 / (2 * views)) / (1 + z2 / views);
    const half = (1.96 * Math.sqrt((share * (1 - share)) / views + z2 / (4 * views ** 2))) / (1 + z2 / views);
    return [100 * Math.max(0, middle - half), 100 * (middle + half)];
  }

  // What the panel of a product's forecasts has to tell.
  async function tellForecast(item) {
    let told = null;
    if (forecastPanel) await forecasts.show({ show: (newlyTold) => { told = newlyTold; } }, item);
    return told;
  }

  // Much of it is loaded first: meanwhile something else may have been chosen, which then must not be overwritten.
  async function showProduct(item, chosen, isCurrent) {
    const category = log.itemCategory[item];
    const restriction = smartrocket.restrict(log, { ...chosen, category: null });
    const own = log.count({ ...restriction, item });
    heading.textContent = nameItem(item);
    trail.replaceChildren(linkAll(), " › ", ...linkPath(category));
    const [expected, forecast, chunk, similar] = await Promise.all([
      forecasts.cards(item), tellForecast(item), smartrocket.load(`products-${Math.floor(item / known.chunk)}`), smartrocket.load("similar"),
    ]);
    if (!isCurrent()) return;
    productView.hidden = false;
    const [views, carts, units] = [view, cart, sold].map((kind) => own.kinds[kind]);
    productCards.show([
      { name: "views", label: "Views", value: views, text: format.number(views) },
      { name: "carts", label: "Adds to cart", value: carts, text: format.number(carts) },
      { name: "units", label: "Units sold", value: units, text: format.number(units) },
      log.hasPrices && { name: "revenue", label: "Revenue", value: own.revenue, text: format.short(own.revenue), note: noteUnpriced(own) },
      { name: "price", label: "Last known price", value: known.price[item], text: format.short(known.price[item]), note: AVAILABLE[known.available[item]] },
      ...expected,
    ].filter(Boolean));
    const group = log.count({ ...restriction, isInside: tree.below(category) });
    showRate(chosen, [
      { label: log.shortName(log.items[item]), views, units },
      { label: tree.label(category), views: group.kinds[view], units: group.kinds[sold] },
    ]);
    showHistory(item, chunk, chosen, own);
    relatedPanel.show(rowsOf(chunk, "related", item).map((row) => ({
      item: chunk.related_relateditemid[row], sessions: chunk.related_sessions[row], lift: chunk.related_lift[row],
    })));
    boughtPanel.show(rowsOf(chunk, "bought", item).map((row) => ({
      item: chunk.bought_bought[row], sessions: chunk.bought_sessions[row], isSame: chunk.bought_bought[row] === item,
    })));
    similarPanel.element.hidden = !similar;
    if (similar) similarPanel.show(listSimilar(similar, item));
    if (forecast) forecastPanel.show(forecast);
  }

  function listSimilar(similar, item) {
    const at = similar.item.indexOf(log.items[item]);
    if (at < 0) return [];
    return smartrocket.nearTo(similar, at)
      .map(([number, cosine]) => ({ item: log.itemNumber(similar.item[number]), cosine }))
      .filter((row) => row.item !== null);
  }

  function showRate(chosen, rows) {
    const rated = rows.map((row) => {
      const [low, high] = interval(row.units, row.views);
      return { ...row, rate: row.views ? (100 * row.units) / row.views : NaN, low, high };
    });
    const [own, group] = rated;
    const verdict = own.low > group.rate ? "clearly more than" : own.high < group.rate ? "clearly less than" : "no clear difference to";
    const hasBoth = ["view", "transaction"].every((kind) => chosen.kinds.includes(kind));
    ratePanel.show({
      empty: !hasBoth ? "This needs both views and sales among the chosen events." : own.views ? null : "This product was not viewed in the chosen days.",
      summary: group.views
        ? `${format.number(own.rate, 2)} sales for 100 views: ${verdict} ${group.label} (${format.number(group.rate, 2)}).`
        : `${format.number(own.rate, 2)} sales for 100 views; of ${group.label} nothing was viewed in the chosen days.`,
      rows: rated,
      draw: () => ({
        traces: [{
          type: "scatter", mode: "markers", y: rated.map((row) => row.label), x: rated.map((row) => row.rate),
          error_x: { type: "data", symmetric: false, array: rated.map((row) => row.high - row.rate), arrayminus: rated.map((row) => row.rate - row.low), color: colours().muted, thickness: 2, width: 6 },
          marker: { size: 12, color: [colours().transaction, colours().view] },
          hovertemplate: "%{y}: %{x:.2f}<extra></extra>",
        }],
        layout: {
          hovermode: "closest", xaxis: { rangemode: "tozero", title: { text: "Sales for 100 views" } },
          yaxis: { type: "category", autorange: "reversed", rangemode: "normal", range: [-0.5, 1.5] },
        },
      }),
    });
  }

  function listPrices(item, chunk, chosen) {
    const steps = rowsOf(chunk, "price", item).map((row) => [chunk.price_day[row], chunk.price_price[row]]);
    return Array.from({ length: chosen.to - chosen.from + 1 }, (_, day) => {
      const known = steps.filter(([since]) => since <= chosen.from + day);
      return known.length ? known[known.length - 1][1] : null;
    });
  }

  const SHORT = { "Adds to cart": "To cart" };

  function showHistory(item, chunk, chosen, own) {
    const dates = Array.from({ length: own.days }, (_, day) => log.date(chosen.from + day));
    const ofKind = (kind) => dates.map((_, day) => own.daily[day * width + kind]);
    const [views, carts, units] = [view, cart, sold].map(ofKind);
    const prices = listPrices(item, chunk, chosen);
    const strips = [
      ["Views", views, "view", (count) => format.plural(count, "view")],
      ["Adds to cart", carts, "addtocart", (count) => `${format.plural(count, "time")} into a cart`],
      ["Units", units, "transaction", (count) => `${format.plural(count, "unit")} sold`],
    ].filter(([, , kind]) => chosen.kinds.includes(kind));
    const hasPrice = prices.some((price) => price !== null);
    historyPanel.show({
      empty: !strips.length ? "Removals from cart have no strip here." : own.rows ? null : "None of the chosen events happened with this product in the chosen days.",
      summary: `${strips.map(([, values, , tell]) => tell(sum(values))).join(", ")}.`,
      rows: dates.map((date, day) => ({ date, views: views[day], carts: carts[day], units: units[day], price: prices[day] ?? NaN })),
      draw() {
        const shown = colours();
        const count = strips.length + (hasPrice ? 1 : 0);
        const domain = (strip) => [1 - (strip + 0.8) / count, 1 - strip / count];
        const axis = (strip) => (strip ? `y${strip + 1}` : "y");
        const traces = strips.map(([label, values, name], strip) => ({
          type: "bar", x: dates, y: values, name: label, yaxis: axis(strip), marker: { color: shown[name] },
        }));
        const layout = { bargap: 0.15, showlegend: false, xaxis: { type: "date", showgrid: false, anchor: axis(count - 1), hoverformat: "%a %d %b %Y" } };
        const style = { automargin: true, fixedrange: true, gridcolor: shown.grid, zerolinecolor: shown.grid, tickfont: { color: shown.muted }, nticks: 4, rangemode: "tozero" };
        if (hasPrice) {
          traces.push({ type: "scatter", mode: "lines", x: dates, y: prices, name: "Price", yaxis: axis(strips.length), line: { shape: "hv", color: shown.series[4], width: 2 } });
        }
        [...strips.map(([label]) => SHORT[label] || label), "Price"].slice(0, count).forEach((label, strip) => {
          layout[strip ? `yaxis${strip + 1}` : "yaxis"] = { ...style, domain: domain(strip), title: { text: label, font: { size: 11, color: shown.muted } } };
        });
        return { traces, layout };
      },
    });
  }

  // ---------------------------------------------------------------- the page

  const shownItemOf = (asked) => (asked.item ? log.itemNumber(asked.item) : null);
  // A product has the categories that it has, and no card of this page compares the days with those before.
  const filters = smartrocket.filters(log, update, () => ({ hasCategory: shownItemOf(address.read()) === null, hasComparison: false }));
  let shownItem;
  let updates = 0;

  // `chosen` is what the filters say; which product is shown, only the address knows.
  function update(chosen) {
    const begun = performance.now();
    const asked = address.read();
    const item = shownItemOf(asked);
    updates += 1;
    const own = updates;
    said.textContent = asked.item && item === null ? `There is no product ${asked.item} in this log.` : "";
    categoryView.hidden = item !== null;
    if (item !== shownItem) productView.hidden = true;
    search.value = asked.search || "";
    // The links in the results keep the choice of days as it is now.
    find();
    const isOther = shownItem !== undefined && item !== shownItem;
    shownItem = item;
    if (item === null) showCategory(chosen);
    else showProduct(item, chosen, () => own === updates).catch((error) => {
      if (own === updates) said.textContent = `The data of this product could not be loaded: ${error.message}.`;
      throw error;
    });
    if (isOther) heading.focus({ preventScroll: item === null });
    place.dataset.milliseconds = (performance.now() - begun).toFixed(1);
  }

  place.replaceChildren(searchBox, found.element, filters.element, said, heading, trail, categoryView, productView);
  update(filters.chosen());
});
