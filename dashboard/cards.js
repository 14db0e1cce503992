// Cards: one number each, how it changed, and its course over the days.
(function () {
  "use strict";

  const { make, format } = smartrocket;
  const SPACE = "http://www.w3.org/2000/svg";

  function draw(tag, attributes) {
    const element = document.createElementNS(SPACE, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  // A small line without axes; the number beside it says how much, the line only how it went.
  function sparkline(values) {
    const svg = draw("svg", { viewBox: "0 0 100 24", preserveAspectRatio: "none", class: "sparkline", "aria-hidden": "true" });
    const top = Math.max(...values);
    if (values.length < 2 || !(top > 0)) return svg;
    const points = values.map((value, place) => `${((100 * place) / (values.length - 1)).toFixed(1)},${(22 - (20 * value) / top).toFixed(1)}`);
    svg.append(
      draw("polygon", { points: `0,24 ${points.join(" ")} 100,24` }),
      draw("polyline", { points: points.join(" "), "vector-effect": "non-scaling-stroke" }),
    );
    return svg;
  }

  function changeOf({ value, before, isShare }) {
    if (before === undefined || before === null || !Number.isFinite(before) || !Number.isFinite(value)) return null;
    const difference = isShare ? 100 * (value - before) : before ? value / before - 1 : NaN;
    if (!Number.isFinite(difference)) return null;
    const text = isShare ? `${format.number(Math.abs(difference), 2)} points` : format.percent(Math.abs(difference));
    // What is written without any digit but 0 did not change as far as the reader can see.
    const isFlat = !/[1-9]/.test(text);
    const sign = isFlat ? "±" : difference > 0 ? "▲" : "▼";
    const words = isFlat ? "unchanged" : difference > 0 ? "up" : "down";
    return make(
      "p", { class: `change ${words}` },
      make("span", { "aria-hidden": "true" }, `${sign} `), make("span", { class: "visually-hidden" }, `${words} `), text,
    );
  }

  // Return {element, show(cards)}; a card has label, value, text, before, isShare, series, note.
  smartrocket.cards = function () {
    const element = make("div", { class: "cards" });
    return {
      element,
      show(cards) {
        element.replaceChildren(...cards.map((card) => make(
          "div", { class: "card", "data-card": card.name },
          make("p", { class: "label" }, card.label),
          make("p", { class: "value", "data-value": Number.isFinite(card.value) ? card.value : "" }, card.text),
          changeOf(card),
          card.note ? make("p", { class: "note" }, card.note) : null,
          card.series ? sparkline(card.series) : null,
        )));
      },
    };
  };
})();
