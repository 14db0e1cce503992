// The Recommendations page: build a session and see what would be suggested, and how visitors go through the shop.
smartrocket.start(async function (shop, place) {
  "use strict";

  const { make, format, term, link, colours, panel, tablePanel, address, nameKind, sum } = smartrocket;
  const [network, explorer, stan, journeys] = await Promise.all([
    smartrocket.openNetwork(), smartrocket.load("explorer"), smartrocket.openStan(), smartrocket.load("journeys"),
  ]);
  const LIST = 20;
  const MOST_CLICKS = 50;
  // What the address says of a session without clicks: saying nothing stands for the page as it opens.
  const EMPTY = "none";
  // The session that the page opens with is found within so many lists: each takes a large shop's network a while.
  const TRIED = 30;
  const canExplore = Boolean(network && network.size && explorer && stan);
  const { nameItem, shortName } = shop;
  const NUMBER = shop.hasNames ? "number or name" : "number";
  const linkItem = (id) => link(`products.html#item=${id}`, shortName(id));

  function categoryOf(id) {
    const item = shop.itemNumber(id);
    return shop.tree.label(item === null ? 0 : shop.itemCategory[item]);
  }

  // ---------------------------------------------------------------- the session

  // The state: the clicks of the session (ids of products), and where it is a real one, which, and how far it was
  // followed. `remarks` say what of the address the log does not have, or why this session is shown.
  function read(state) {
    const number = /^\d+$/.test(state.example) ? Number(state.example) : NaN;
    const isExample = explorer.sessions[number - 1] !== undefined;
    const typed = (state.session || "").split(",").map((text) => text.trim()).filter((text) => text && text !== EMPTY);
    const isHere = (text) => /^-?\d+$/.test(text) && shop.itemNumber(text) !== null;
    const unknown = isExample ? [] : typed.filter((text) => !isHere(text));
    const diversity = Number(state.diversity);
    return {
      example: isExample ? number : null,
      seen: isExample ? Math.max(1, Math.min(explorer.sessions[number - 1].length - 1, Math.trunc(Number(state.seen)) || 1)) : null,
      clicks: isExample ? [] : typed.filter(isHere).map(smartrocket.readId).slice(-MOST_CLICKS),
      // As fine as the slider is.
      diversity: diversity >= 0 && diversity <= 0.7 ? Math.round(10 * diversity) / 10 : 0,
      remarks: [
        state.example === undefined || isExample ? null : `There is no real session ${state.example}.`,
        unknown.length ? `This log does not have ${format.joined(unknown.map(nameItem))}.` : null,
      ].filter(Boolean),
    };
  }

  // A real session with a few clicks in which the network lists the next one; where none is found, the first one.
  function findFirst() {
    const longest = Math.max(0, ...explorer.sessions.map((clicks) => clicks.length));
    const long = [...explorer.sessions.keys()].filter((at) => explorer.sessions[at].length >= Math.min(longest, 4));
    const steps = long.flatMap((at) => explorer.sessions[at].slice(2).map((next, place) => ({ at, seen: place + 2, next })));
    const found = steps.slice(0, TRIED).find(({ at, seen, next }) => network
      .recommend(explorer.sessions[at].slice(0, seen), LIST).some((row) => row.number === next));
    if (found) return { example: found.at + 1, seen: found.seen, remarks: ["The page opens with a session in which the network lists the next click."] };
    return long.length ? { example: long[0] + 1, seen: Math.min(2, longest - 1) } : {};
  }

  let chosen = null;

  function open(state) {
    chosen = read(state);
    if (state.example === undefined && state.session === undefined) {
      chosen = { ...chosen, ...findFirst() };
      write();
    }
    showExplorer();
  }

  function write() {
    address.change({
      example: chosen.example, seen: chosen.example ? chosen.seen : null,
      session: chosen.example ? null : chosen.clicks.join(",") || EMPTY,
      diversity: chosen.diversity || null,
    });
  }

  function set(changes) {
    chosen = { ...chosen, remarks: [], ...changes };
    write();
    showExplorer();
  }

  const exampleClicks = () => explorer.sessions[chosen.example - 1].map((number) => network.ids[number]);
  const session = () => (chosen.example ? exampleClicks().slice(0, chosen.seen) : chosen.clicks);
  // What the visitor clicked after that.
  const nextClick = () => (chosen.example ? exampleClicks()[chosen.seen] : null);

  const search = make("input", {
    type: "search", id: "click-search", autocomplete: "off", placeholder: `e.g. ${shop.items[0]}`, oninput: find, onfocus: find,
    onkeydown: (event) => { if (event.key === "Enter" && hits.querySelector("button")) hits.querySelector("button").click(); },
  });
  // A press of the mouse leaves the focus in the field: the list must not close before the click arrives.
  const hits = make("ul", { class: "hits", onmousedown: (event) => event.preventDefault() });
  const finder = make(
    "div", { class: "field finder", onfocusout: (event) => { if (!finder.contains(event.relatedTarget)) hits.replaceChildren(); } },
    make("label", { for: "click-search" }, `Add a product by its ${NUMBER}, or its category's number`), search, hits,
  );

  function find() {
    const text = search.value.trim();
    const matches = text ? smartrocket.findItems(shop, text).slice(0, 8) : [];
    hits.replaceChildren(...matches.map((item) => make("li", {}, make(
      "button", { type: "button", onclick: () => takeHit(shop.items[item]) },
      `${shortName(shop.items[item])} · ${shop.tree.label(shop.itemCategory[item])}${network.numberOf(shop.items[item]) === null ? " · new to the network" : ""}`,
    ))));
    if (text && !matches.length) hits.replaceChildren(make("li", {}, `No product or category has this ${NUMBER}.`));
  }

  function click(id) {
    set({ clicks: [...session(), id].slice(-MOST_CLICKS), example: null, seen: null });
  }

  // What was pressed is drawn anew, or gone: the focus goes to what stands there now, or to the search.

  function takeHit(id) {
    search.value = "";
    hits.replaceChildren();
    click(id);
    search.focus();
  }

  function takeSuggestion(event, id) {
    const list = event.currentTarget.closest("tbody");
    const at = [...list.rows].indexOf(event.currentTarget.closest("tr"));
    click(id);
    ((list.rows[at] && list.rows[at].querySelector("button")) || search).focus();
  }

  function remove(at) {
    set({ clicks: session().filter((_, other) => other !== at), example: null, seen: null });
    const left = clicks.querySelectorAll("button");
    (left[Math.min(at, left.length - 1)] || search).focus();
  }

  function follow(step, other) {
    set({ seen: chosen.seen + step });
    if (document.activeElement.disabled) other.focus();
  }

  function takeExample(step) {
    const count = explorer.sessions.length;
    // From no real session, forwards is the first one and backwards the last.
    const from = chosen.example || (step > 0 ? 0 : 1);
    const number = ((from - 1 + step + count) % count) + 1;
    set({ example: number, seen: Math.min(2, explorer.sessions[number - 1].length - 1), clicks: [] });
  }

  // A shop that shows no single visitor has no real sessions here.
  const hasExamples = canExplore && explorer.sessions.length > 0;
  const button = (text, onclick, more = {}) => make("button", { type: "button", onclick, ...more }, text);
  const clicks = make("ol", { class: "clicks", "aria-label": "Clicks of the session, the oldest first" });
  const said = make("p", { class: "status", role: "status" });
  const back = button("One click back", () => follow(-1, forward));
  const forward = button("Follow one click", () => follow(1, back));
  const slider = make("input", {
    type: "range", id: "diversity", min: 0, max: 0.7, step: 0.1, oninput: () => set({ diversity: Number(slider.value) }),
  });
  const sliderText = make("output", { for: "diversity" });
  const builder = make(
    "section", { class: "filters builder", "aria-label": "The session" },
    make("div", { class: "fields" },
      finder,
      make("div", { class: "field" }, make("label", { for: "diversity" }, "Diversity ", sliderText), slider),
    ),
    make("div", { class: "fields" },
      ...(hasExamples ? [button("Previous real session", () => takeExample(-1)), button("Next real session", () => takeExample(1)), back, forward] : []),
      button("Empty", () => set({ clicks: [], example: null, seen: null }), { class: "quiet" }),
    ),
    clicks, said,
  );

  // ---------------------------------------------------------------- the lists

  const productColumn = {
    name: "Product", isText: true, value: (row) => nameItem(row.id), show: (_, row) => showProduct(row),
  };

  function showProduct(row) {
    const cell = make("span", {}, linkItem(row.id));
    if (row.isNext) cell.append(make("strong", { class: "hit" }, "clicked next"));
    else cell.append(button("+", (event) => takeSuggestion(event, row.id), { class: "quiet add", "aria-label": `Add ${nameItem(row.id)} to the session`, title: "Add to the session" }));
    // Where the column of what is near has no room, it stands below the product.
    if (row.near !== undefined) cell.append(make("span", { class: "why" }, `near ${shortName(row.near)} (${format.number(row.likeness, 2)})`));
    return cell;
  }

  const networkPanel = tablePanel({
    title: "GRU4Rec", name: "network", isWide: true, limit: LIST,
    how: [
      "The ", term("gru4rec", "network"), " runs in this page. The confidence is the chance that the product is clicked next, ",
      "calibrated on sessions that the network had not seen. “Near” names the product of the session that is most alike, by the ",
      term("cosine", "cosine"), " of their ", term("embedding", "embeddings"), ". More diversity trades likely products for ",
      term("re-ranking", "different ones"), ".",
    ],
    columns: [
      { name: "Place", value: (row) => row.place }, productColumn,
      { name: "Category", isText: true, value: (row) => categoryOf(row.id) },
      {
        name: "Confidence", value: (row) => row.confidence ?? NaN, show: (share) => format.percent(share),
        share: (row) => (row.largest ? row.confidence / row.largest : 0),
      },
      {
        name: "Near", isText: true, value: (row) => (row.near === undefined ? "" : nameItem(row.near)),
        show: (_, row) => (row.near === undefined ? "–" : `${shortName(row.near)} (${format.number(row.likeness, 2)})`),
      },
    ],
    empty: "The session is empty.",
  });
  const stanPanel = tablePanel({
    title: "Neighbouring sessions", name: "stan", limit: 12,
    how: ["What ", term("session-neighbours", "STAN"), " says: training sessions like this one vote for what they hold; late clicks and recent sessions count more."],
    columns: [
      { name: "Place", value: (row) => row.place }, productColumn,
      { name: "Votes", value: (row) => row.votes, show: (votes) => format.number(votes, 2), share: (row) => row.votes / row.largest },
    ],
    empty: "No training session holds a product of this session.",
  });
  const popularPanel = tablePanel({
    title: "Popular", name: "popular", limit: 12,
    how: ["The most clicked products of the training, the same for everybody: the ", term("popularity", "popularity rule"), "."],
    columns: [{ name: "Place", value: (row) => row.place }, productColumn],
  });

  function rank(rows) {
    const next = nextClick();
    return rows.map((row, at) => {
      const id = row.id ?? network.ids[row.number];
      return { ...row, id, place: at + 1, isNext: id === next };
    });
  }

  // The network's list; where it knows nothing of the session, what is most clicked in the last product's category.
  function listSuggestions(seen, known) {
    if (known.length) {
      const list = network.recommend(known, LIST, chosen.diversity);
      const largest = Math.max(...list.map((row) => row.confidence), 0);
      return list.map((row) => ({ ...row, near: network.ids[row.near], largest }));
    }
    if (!seen.length) return [];
    const item = shop.itemNumber(seen[seen.length - 1]);
    return fallbackOf(shop.itemCategory[item]).map((number) => ({ number }));
  }

  function fallbackOf(category) {
    const at = explorer.fallback_category.indexOf(category);
    if (at < 0) return explorer.popular;
    const start = sum(Array.from(explorer.fallback_rows.subarray(0, at)));
    return Array.from(explorer.fallback_item.subarray(start, start + explorer.fallback_rows[at]));
  }

  function showExplorer() {
    const seen = session();
    clicks.replaceChildren(...seen.map((id, at) => make("li", {}, button(
      `${shortName(id)} ×`, () => remove(at), { "aria-label": `${nameItem(id)}: remove click ${at + 1}` },
    ))));
    back.disabled = !chosen.example || chosen.seen < 2;
    forward.disabled = !chosen.example || chosen.seen > explorer.sessions[chosen.example - 1].length - 2;
    slider.value = chosen.diversity;
    sliderText.textContent = chosen.diversity ? format.number(chosen.diversity, 1) : "off";
    const begun = performance.now();
    const known = seen.map(network.numberOf).filter((number) => number !== null);
    const list = listSuggestions(seen, known);
    place.dataset.milliseconds = (performance.now() - begun).toFixed(1);
    const votes = known.length ? stan.recommend(known, LIST) : [];
    // The product on the screen is no suggestion where nobody goes on to the same one.
    const popular = explorer.popular.filter((number) => network.repeats || number !== known[known.length - 1]);
    const stand = list.every((row, at) => row.number === explorer.popular[at]) ? "in the whole shop" : "in the category of the last one, then in wider ones,";
    networkPanel.show(rank(list), known.length || !seen.length ? "" : `The network knows none of these products: they are too new, or too rare. What is most clicked ${stand} stands in.`);
    stanPanel.show(rank(votes.map((row) => ({ ...row, largest: votes[0].votes }))));
    popularPanel.show(rank(popular.map((number) => ({ number }))));
    said.textContent = [...chosen.remarks, describe(seen, known, list, votes, popular)].join(" ");
  }

  function describe(seen, known, list, votes, popular) {
    if (!seen.length && !hasExamples) return "Add products to see what would be suggested next.";
    if (!seen.length) return "Add products, or take a real session from the test: what its visitor did next is shown beside what would have been suggested.";
    if (!chosen.example) return `${format.plural(seen.length, "click")}; ${known.length ? `the ${list.length} most likely next products are` : "what stands in for the network's list is"} below.`
      + (known.length && known.length < seen.length ? ` The network does not know ${format.number(seen.length - known.length)} of the products, and goes by the others.` : "");
    const next = network.numberOf(nextClick());
    const all = explorer.sessions[chosen.example - 1];
    const tell = (name, numbers) => {
      const at = numbers.indexOf(next);
      return at < 0 ? `${name} did not list it` : `${name} had it at place ${at + 1}`;
    };
    return `Real session ${chosen.example} of ${explorer.sessions.length}, after ${chosen.seen} of ${all.length} clicks. `
      + `The visitor went on to ${nameItem(nextClick())}: ${format.joined([
        tell("GRU4Rec", list.map((row) => row.number)),
        tell("STAN", votes.map((row) => row.number)),
        tell("popularity", popular),
      ])}.`;
  }

  // ---------------------------------------------------------------- journeys

  const ENDS = { start: "Start", end: "End" };
  const lengthsPanel = panel({
    title: "How long sessions are", name: "lengths", height: 290,
    how: ["Events of a ", term("session", "session"), "; the last bar takes all longer ones. The scale is logarithmic."],
    columns: [
      { name: "Events", isText: true, value: (row) => row.label }, { name: "Sessions", value: (row) => row.count },
      { name: "Share", value: (row) => row.share, show: (share) => format.percent(share, 2) },
    ],
    limit: 20,
  });
  const eventsPanel = panel({
    title: "From event to event", name: "events", height: 330,
    how: ["What follows what within a session; the wider a band, the more often. ", term("transition", "Transitions"), " to the same kind are left out of the picture, not of the table."],
    columns: [
      { name: "From", isText: true, value: (row) => row.from }, { name: "To", isText: true, value: (row) => row.to },
      { name: "Times", value: (row) => row.count }, { name: "Of all from there", value: (row) => row.share, show: (share) => format.percent(share) },
    ],
    limit: 20,
  });
  const categoriesPanel = panel({
    title: "From category to category", name: "moves", height: 330,
    how: ["Steps from one product to another one of a different category, the most frequent ones; left where visitors come from, right where they go. Categories are those just below the roots of the tree, as a product had them last."],
    columns: [
      { name: "From", isText: true, value: (row) => row.from }, { name: "To", isText: true, value: (row) => row.to },
      { name: "Steps", value: (row) => row.count },
    ],
    limit: 12,
  });

  const hitsPanel = panel({
    title: "Popular products", name: "popular-products", height: 330,
    how: ["The most viewed products of the whole log, and how often they were sold. All the others are the ", term("long-tail", "long tail"), "."],
    columns: [
      { name: "Product", isText: true, value: (row) => nameItem(row.id), show: (_, row) => linkItem(row.id) },
      { name: "Views", value: (row) => row.views }, { name: "Units sold", value: (row) => row.units },
    ],
    limit: 12,
  });

  function showPopular() {
    const rows = Array.from(shop.items, (id, item) => ({ id, views: shop.itemViews[item], units: shop.itemUnits[item] }))
      .sort((one, other) => other.views - one.views);
    const all = sum(rows.map((row) => row.views));
    const tenth = Math.ceil(rows.length / 10);
    const shown = rows.slice(0, 12);
    const names = shown.map((row) => shortName(row.id, window.innerWidth < 640 ? 10 : 16));
    hitsPanel.show({
      empty: all ? null : "Nothing was viewed.",
      summary: all ? `The most viewed tenth of the products has ${format.percent(sum(rows.slice(0, tenth).map((row) => row.views)) / all)} of the views.` : "",
      rows,
      draw: () => ({
        traces: [
          { type: "bar", orientation: "h", name: "Views", y: names, x: shown.map((row) => row.views), marker: { color: colours().view } },
          { type: "bar", orientation: "h", name: "Units sold", y: names, x: shown.map((row) => row.units), marker: { color: colours().transaction } },
        ],
        layout: { bargap: 0.25, hovermode: "y unified", xaxis: { nticks: 6, ...smartrocket.amounts(shown.map((row) => row.views)) }, yaxis: { type: "category", autorange: "reversed", rangemode: "normal", showgrid: false } },
      }),
    });
  }

  function showJourneys() {
    showPopular();
    const total = sum(journeys.lengths);
    const rows = journeys.lengths.map((count, at) => ({
      label: at + 1 < journeys.lengths.length ? String(at + 1) : `${at + 1} or more`, tick: at + 1 < journeys.lengths.length ? String(at + 1) : `${at + 1}+`, count, share: total ? count / total : NaN,
    }));
    lengthsPanel.show({
      empty: total ? null : "There are no sessions.",
      summary: `${format.plural(total, "session")}; ${format.percent(rows[0].share)} of them are a single event.`,
      rows,
      draw: () => ({
        traces: [{ type: "bar", x: rows.map((row) => row.tick), y: rows.map((row) => row.count || null), marker: { color: colours().view }, hovertemplate: "%{x}: %{y:,}<extra></extra>" }],
        layout: { bargap: 0.15, hovermode: "closest", xaxis: { type: "category", tickangle: 0, tickmode: "array", tickvals: rows.filter((_, at) => !at || (at + 1) % 5 === 0).map((row) => row.tick), showgrid: false, title: { text: "Events" } }, yaxis: { type: "log", rangemode: "normal", title: { text: "Sessions" }, dtick: 1, tickformat: ",~s" } },
      }),
    });
    const name = (kind) => ENDS[kind] || nameKind(kind);
    const from = {};
    journeys.events.forEach(([source, , count]) => { from[source] = (from[source] || 0) + count; });
    const steps = journeys.events.map(([source, target, count]) => ({ source, target, from: name(source), to: name(target), count, share: count / from[source] }));
    const common = [...steps].filter((step) => step.target !== "end" && step.source !== "start").sort((one, other) => other.count - one.count)[0];
    eventsPanel.show({
      empty: steps.length ? null : "There are no sessions.",
      summary: common ? `The most common step is from ${common.from.toLowerCase()} to ${common.to.toLowerCase()} (${format.number(common.count)} times).` : "Every session is a single event.",
      rows: [...steps].sort((one, other) => other.count - one.count),
      draw() {
        const shown = colours();
        const paints = Object.fromEntries(shop.kinds.map((kind) => [nameKind(kind), shown[kind]]));
        return drawSteps(steps.filter((step) => step.source !== step.target), { Start: shown.muted, End: shown.muted, ...paints });
      },
    });
    const moves = journeys.categories.map(([source, target, count]) => ({ source, target, from: shop.tree.label(source), to: shop.tree.label(target), count }));
    const changes = moves.filter((move) => move.source !== move.target && move.source && move.target);
    const { known, same, pairs } = journeys;
    const stay = known ? `Of ${format.plural(known, "step")} from a product of a known category to another, ${format.percent(same / known)} stay in it.` : "";
    const left = pairs > moves.length ? ` The table has the ${format.number(moves.length)} most frequent of ${format.number(pairs)} pairs.` : "";
    categoriesPanel.show({
      empty: changes.length ? null : "No session goes from one known category to another.",
      summary: `${stay}${left}`,
      rows: moves,
      draw: () => drawSteps(changes.slice(0, 24)),
    });
  }

  // A flow from the left to the right; a kind of event that leads back to an earlier one stands on both sides.
  function drawSteps(steps, paints = {}) {
    const { series, ink, grid } = colours();
    const sources = [...new Set(steps.map((step) => step.from))];
    const targets = [...new Set(steps.map((step) => step.to))];
    const paint = (label) => paints[label] || series[[...new Set([...sources, ...targets])].indexOf(label) % series.length];
    const fade = (colour) => `${colour}66`;
    return {
      traces: [{
        type: "sankey", arrangement: "snap", textfont: { color: ink },
        node: {
          label: [...sources, ...targets], color: [...sources, ...targets].map(paint), pad: 12, thickness: 14, line: { color: grid, width: 0 },
          hovertemplate: "%{label}: %{value:,}<extra></extra>",
        },
        link: {
          source: steps.map((step) => sources.indexOf(step.from)), target: steps.map((step) => sources.length + targets.indexOf(step.to)),
          value: steps.map((step) => step.count), color: steps.map((step) => fade(paint(step.from))),
          hovertemplate: "%{source.label} to %{target.label}: %{value:,}<extra></extra>",
        },
      }],
      layout: { hovermode: "closest", margin: { l: 4, r: 4, t: 8, b: 8 } },
    };
  }

  // ---------------------------------------------------------------- the page

  place.replaceChildren(
    make("h2", {}, "Session explorer"),
    ...(canExplore
      ? [builder, make("div", { class: "panels spaced" }, networkPanel.element, stanPanel.element, popularPanel.element)]
      : [make("p", {}, "This build has no network: its log holds too few sessions to learn from.")]),
    ...(journeys ? [make("h2", {}, "Journeys"), make("div", { class: "panels" }, lengthsPanel.element, hitsPanel.element, eventsPanel.element, ...(shop.hasCategories ? [categoriesPanel.element] : []))] : []),
  );
  if (canExplore) {
    address.onTravel(open);
    open(address.read());
  }
  if (journeys) showJourneys();
}, smartrocket.openShop);
