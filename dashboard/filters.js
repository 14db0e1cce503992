// What the reader chooses: days, category, kinds of events. The choice stands in the page's address.
(function () {
  "use strict";

  const { make, newId, format, address, choice } = smartrocket;
  const NAMES = {
    view: "Views", addtocart: "Adds to cart", removefromcart: "Removals from cart", transaction: "Sales",
  };
  const SPANS = [["7", "7 days"], ["28", "28 days"], ["90", "90 days"], ["all", "All days"]];

  smartrocket.nameKind = (kind) => NAMES[kind] || kind;
  // Why a choice of events has nothing of a kind; null where it has that kind.
  smartrocket.leaveOut = (chosen, kind) => (chosen.kinds.includes(kind) ? null : `${smartrocket.nameKind(kind)} are not among the chosen events.`);

  // A date that no calendar has is no date.
  function isDate(log, iso) {
    const day = /^\d{4}-\d{2}-\d{2}$/.test(iso || "") ? log.day(iso) : NaN;
    return !Number.isNaN(day) && log.date(day) === iso;
  }

  // The choice that an address describes; what it does not say, or says wrongly, is as at the start.
  function read(log, state) {
    const [firstWhole, lastWhole] = log.wholeDays;
    const clamp = (iso, otherwise) => (isDate(log, iso) ? Math.max(0, Math.min(log.days - 1, log.day(iso))) : otherwise);
    const usual = Math.max(firstWhole, lastWhole - 27);
    const to = clamp(state.to, lastWhole);
    const from = Math.min(clamp(state.from, state.to ? Math.max(firstWhole, to - 27) : usual), to);
    const number = state.category === "none" ? 0 : log.tree.number(state.category);
    const category = state.category === "none" || number ? number : null;
    // A kind of event that never happened cannot be chosen: there is no chip for it.
    const wanted = (state.events || "").split(",");
    const kinds = log.usedKinds.filter((kind) => wanted.includes(kind));
    return { from, to, category, kinds: kinds.length ? kinds : log.usedKinds };
  }

  const hasAllKinds = (log, chosen) => chosen.kinds.length === log.usedKinds.length;

  // What `count` takes.
  function restrict(log, chosen) {
    return {
      from: chosen.from, to: chosen.to, isInside: log.tree.below(chosen.category),
      isKind: hasAllKinds(log, chosen) ? null : Uint8Array.from(log.kinds, (kind) => Number(chosen.kinds.includes(kind))),
    };
  }

  // The days of a choice of which the log has a part only; they are at its ends.
  function findParts(log, chosen) {
    const [first, last] = log.wholeDays;
    return [chosen.from < first ? first - 1 : null, chosen.to > last ? last + 1 : null].filter((day) => day !== null);
  }

  // The days before, as many; null where the log does not hold both as whole days.
  function before(log, chosen) {
    if (findParts(log, chosen).length) return null;
    const days = chosen.to - chosen.from + 1;
    return chosen.from - days < log.wholeDays[0] ? null : { ...chosen, from: chosen.from - days, to: chosen.from - 1 };
  }

  function labelled(text, control) {
    control.id = control.id || newId("filter");
    return make("div", { class: "field" }, make("label", { for: control.id }, text), control);
  }

  const EVERYTHING = () => ({ hasCategory: true, hasComparison: true });

  // Return {element, chosen(), set(changes)}; `onChange` is called with each new choice. `tell` says what of it the page
  // follows now: the category, and the days before.
  smartrocket.filters = function (log, onChange, tell = EVERYTHING) {
    let chosen = read(log, address.read());
    // Between two parts of a date no element has the focus, but the reader is not done.
    let isTyping = false;
    const used = log.usedKinds;
    const status = make("p", { class: "status", role: "status" });
    const spans = choice("Days", SPANS, null, chooseSpan);
    const [from, to] = ["from", "to"].map(() => make("input", {
      type: "date", min: log.date(0), max: log.date(log.days - 1), onchange: chooseDates,
      onfocus() {
        isTyping = true;
      },
      onblur() {
        isTyping = false;
        showDates();
      },
    }));
    const categories = make("div", { class: "fields", role: "group", "aria-label": "Part of the tree" });
    const kinds = used.map((kind) => make("button", {
      type: "button", class: `chip ${kind}`, "data-kind": kind, onclick: () => toggle(kind),
    }, smartrocket.nameKind(kind)));
    const reset = make("button", { type: "button", class: "quiet", onclick: () => set(read(log, {})) }, "Reset");
    const element = make(
      "section", { class: "filters", "aria-label": "Filters" },
      make("div", { class: "fields" }, spans, labelled("From", from), labelled("To", to)),
      log.hasCategories ? categories : null,
      make("div", { class: "fields chips", role: "group", "aria-label": "Kinds of events" }, ...kinds, reset),
      status,
    );

    function chooseSpan(span) {
      const [first, last] = log.wholeDays;
      set({ from: span === "all" ? first : Math.max(first, last - Number(span) + 1), to: last });
    }

    function chooseDates() {
      // A date that is being typed may be none, or thousands of years off, until its last digit.
      if ([from, to].some((input) => !input.value || !input.validity.valid)) return;
      const days = [from.value, to.value].map(log.day);
      set({ from: Math.min(...days), to: Math.max(...days) });
    }

    function showDates() {
      from.value = log.date(chosen.from);
      to.value = log.date(chosen.to);
    }

    function toggle(kind) {
      const kept = used.filter((name) => chosen.kinds.includes(name) !== (name === kind));
      // Without any event there is nothing to see: the last one stays.
      if (kept.length) set({ kinds: kept });
    }

    function set(changes) {
      chosen = { ...chosen, ...changes };
      const start = read(log, {});
      const isUsual = chosen.from === start.from && chosen.to === start.to;
      address.change({
        from: isUsual ? null : log.date(chosen.from),
        to: isUsual ? null : log.date(chosen.to),
        category: chosen.category === null ? null : chosen.category ? log.tree.ids[chosen.category - 1] : "none",
        events: hasAllKinds(log, chosen) ? null : chosen.kinds.join(","),
      });
      draw();
      onChange(chosen);
    }

    function draw() {
      // Nobody else writes the dates while one of them is typed.
      if (!isTyping) showDates();
      const [first, last] = log.wholeDays;
      const days = chosen.to - chosen.from + 1;
      const span = chosen.to !== last ? null : chosen.from === first ? "all" : String(days);
      spans.choose(span);
      kinds.forEach((chip) => chip.setAttribute("aria-pressed", String(chosen.kinds.includes(chip.dataset.kind))));
      if (log.hasCategories) drawCategories();
      categories.hidden = !tell().hasCategory;
      status.textContent = `${describeMissing(log, address.read())}${describe(log, chosen, tell())}`;
    }

    // One list for each level of the tree, down to the category that is chosen and what is below it.
    function drawCategories() {
      const { tree } = log;
      const focused = [...categories.querySelectorAll("select")].indexOf(document.activeElement);
      const path = chosen.category === 0 ? [0] : chosen.category === null ? [] : tree.path(chosen.category);
      const lists = [];
      for (let level = 0; level <= path.length; level += 1) {
        const parent = level ? path[level - 1] : null;
        const options = parent === null ? [...tree.children(0), 0] : parent === 0 ? [] : tree.children(parent);
        if (!options.length) break;
        const list = make(
          "select",
          { onchange: (event) => set({ category: event.target.value === "" ? parent : Number(event.target.value) }) },
          make("option", { value: "" }, level ? `All of ${tree.label(parent)}` : "All categories"),
          ...options.map((number) => make("option", { value: number }, tree.label(number))),
        );
        list.value = level < path.length ? path[level] : "";
        lists.push(labelled(level ? "Within" : "Category", list));
      }
      categories.replaceChildren(...lists);
      if (focused >= 0) categories.querySelectorAll("select")[Math.min(focused, lists.length - 1)].focus();
    }

    address.onTravel((state) => {
      chosen = read(log, state);
      draw();
      onChange(chosen);
    });
    draw();
    return { element, set, chosen: () => chosen, restrict: () => restrict(log, chosen) };
  };

  // What an address asks for that the log does not have.
  function describeMissing(log, { category, from, to }) {
    const isMissing = category && category !== "none" && !log.tree.number(category);
    const isOutside = [from, to].some((iso) => isDate(log, iso) && (log.day(iso) < 0 || log.day(iso) >= log.days));
    const words = [
      isMissing ? `There is no category ${category} in this log. ` : "",
      isOutside ? `The log goes from ${format.date(log.date(0))} to ${format.date(log.date(log.days - 1))}. ` : "",
    ];
    return words.join("");
  }

  function describeParts(log, chosen) {
    const days = findParts(log, chosen);
    return days.length ? `only a part of ${format.joined(days.map((day) => format.date(log.date(day))))} is in the log` : null;
  }

  function describe(log, chosen, { hasCategory, hasComparison }) {
    const days = chosen.to - chosen.from + 1;
    const words = [
      `${format.plural(days, "day")}, ${format.span(log.date(chosen.from), log.date(chosen.to))}`,
      chosen.category === null || !hasCategory ? null : log.tree.path(chosen.category).map(log.tree.label).join(" › ") || log.tree.label(0),
      describeParts(log, chosen),
      hasAllKinds(log, chosen) ? null : `only ${format.joined(chosen.kinds.map((kind) => smartrocket.nameKind(kind).toLowerCase()))}`,
      hasComparison ? describeEarlier(log, chosen) : null,
    ];
    return words.filter(Boolean).join(" · ");
  }

  function describeEarlier(log, chosen) {
    const earlier = before(log, chosen);
    if (earlier) return `compared with ${format.span(log.date(earlier.from), log.date(earlier.to))}`;
    return findParts(log, chosen).length ? "not compared with earlier days" : "no earlier days of that number to compare with";
  }

  smartrocket.describeEarlier = describeEarlier;
  smartrocket.usualDays = (log) => {
    const { from, to } = read(log, {});
    return { from, to };
  };
  smartrocket.earlier = before;
  smartrocket.restrict = restrict;
})();
