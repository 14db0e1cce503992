// What all pages of the dashboard share: how they begin, and small sums over the days.
(function () {
  "use strict";

  const { make, format } = smartrocket;

  // Open what a page counts (the log, or only the shop) and build it into its place; say so where that is not there.
  smartrocket.start = async function (build, open = smartrocket.openLog) {
    const place = document.getElementById("dashboard");
    try {
      const opened = await open();
      if (opened) {
        place.classList.toggle("has-names", opened.hasNames);
        await build(opened, place);
      } else place.replaceChildren(make("p", {}, "The data of this page is not there: build the report again."));
    } catch (error) {
      place.replaceChildren(make("p", {}, `The data of this page could not be loaded: ${error.message}.`));
      throw error;
    } finally {
      place.removeAttribute("aria-busy");
    }
    await smartrocket.drawPanels();
  };

  smartrocket.section = function (heading, ...panels) {
    const shown = panels.filter(Boolean).map((panel) => panel.element);
    return shown.length ? [make("h2", {}, heading), make("div", { class: "panels" }, ...shown)] : [];
  };

  // The revenue of a row of a table: what was sold at prices that nobody knows did not bring in nothing.
  smartrocket.tellRevenue = ({ revenue, units, unpriced }) => (unpriced && unpriced === units ? NaN : revenue);

  // What a revenue leaves out.
  smartrocket.noteUnpriced = function ({ unpriced, prices }) {
    if (!unpriced) return null;
    return prices.length ? `without ${format.plural(unpriced, "unit")} of unknown price` : "no price of what was sold is known";
  };

  smartrocket.sum = (values) => values.reduce((sum, value) => sum + value, 0);

  // The mean of the seven days that end with a day; before the first week of all there is none.
  smartrocket.averageWeek = function (values, before = []) {
    const all = [...before, ...values];
    return values.map((_, day) => {
      const end = day + before.length + 1;
      return end < 7 ? null : smartrocket.sum(all.slice(end - 7, end)) / 7;
    });
  };
})();
