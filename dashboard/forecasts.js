// Forecasts of the days to come and of the test, for one product, one category or the whole shop.
(function () {
  "use strict";

  const { format, term, colours, panel } = smartrocket;
  const CLASSES = ["low", "medium", "high"];
  const PAST = 12;

  // Rows of a level's columns, as {first, last, forecast, sells, confidence, bands: [[per cent, low, high]]}.
  function readRow(columns, stem, bands, row) {
    const of = (name) => (columns[`${stem}${name}`] ? columns[`${stem}${name}`][row] : null);
    return {
      first: of("first"), last: of("last"), forecast: of("forecast"), sells: of("sells"),
      confidence: of("confidence") === null ? null : CLASSES[of("confidence")],
      bands: bands.map((band) => [band, of(`low_${band}`), of(`high_${band}`)]),
    };
  }

  function rowsWith(ids, id) {
    const rows = [];
    if (ids) ids.forEach((other, row) => { if (other === id) rows.push(row); });
    return rows;
  }

  smartrocket.openForecasts = async function (log) {
    const value = await smartrocket.load("forecasts");
    let items = null;

    // The forecasts of an item are many: they are loaded when one is asked for.
    async function openItems() {
      items ??= await smartrocket.load("forecasts-items");
      return items;
    }

    async function upcoming(level, id) {
      if (level === "item") {
        const columns = await openItems();
        return rowsWith(columns.id, id).map((row) => readRow(columns, "", columns.bands, row));
      }
      const stem = `${level}_`;
      const rows = level === "total" ? Array.from(value.total_first || []).keys() : rowsWith(value.category_id, id);
      return Array.from(rows, (row) => readRow(value, stem, value[`${level}_bands`], row));
    }

    // What `model` forecast for each week of the test, and what was sold: {first, last, actual, forecast}.
    async function tested(level, id, model) {
      const number = value.models.indexOf(model);
      const week = (place, actual, forecast) => {
        const first = value.origins[place] + 1;
        return { first, last: first + value.horizon - 1, actual, forecast };
      };
      if (level === "total") return value.weeks.map((row, place) => week(place, row.actual, row.units[model]));
      const columns = level === "item" ? await openItems() : value;
      return rowsWith(columns[`test_${level}`], id).map((row) => week(
        columns.test_week[row], columns.test_actual[row], columns[`test_model_${number}`][row],
      ));
    }

    // Units sold in the latest stretches of `length` days before day `end`, the oldest first.
    function soldBefore(daily, end, length) {
      const stretches = [];
      for (let first = end - length; first >= log.wholeDays[0] && stretches.length < PAST * (length === 1 ? 5 : 1); first -= length) {
        stretches.unshift({ first, last: first + length - 1, units: smartrocket.sum(daily.slice(first, first + length)) });
      }
      return stretches;
    }

    function countDaily(level, id) {
      const everything = { from: 0, to: log.days - 1 };
      if (level === "item") return unitsOf(log.count({ ...everything, item: log.itemNumber(id) }));
      return unitsOf(log.count({ ...everything, isInside: level === "category" ? only(log.tree.number(id)) : null }));
    }

    // Forecasts of a category are sums over the items in it, not over those in categories below.
    function only(number) {
      const isInside = new Uint8Array(log.tree.size);
      isInside[number] = 1;
      return isInside;
    }

    function unitsOf(counted) {
      return Array.from({ length: counted.days }, (_, day) => counted.daily[day * log.kinds.length + log.sold]);
    }

    function name(row) {
      return format.span(log.date(row.first), log.date(row.last));
    }

    function coursePanel() {
      return panel({
        title: "Sold, tested and expected", name: "forecast", isWide: true, height: 330,
        how: [
          "Bars are units sold, dots what the model said before it knew. The shaded bars are the ",
          term("prediction-interval", "bands"), " in which the coming units lie with the chance that the legend says.",
        ],
        columns: [
          { name: "Days", isText: true, value: (row) => row.days },
          { name: "Sold", value: (row) => row.units ?? NaN, show: (units) => format.number(units) },
          { name: "Forecast", value: (row) => row.forecast ?? NaN, show: (units) => format.number(units, 2) },
          ...[50, 80, 95].flatMap((band) => ["Low", "High"].map((end, place) => ({
            name: `${end} ${band} %`, value: (row) => row[band] ? row[band][place] : NaN,
          }))),
        ],
        limit: 16,
      });
    }

    async function showCourse(coming, level, id, model) {
      const rows = await upcoming(level, id);
      const tests = value.models.includes(model) ? await tested(level, id, model) : [];
      const length = rows.length ? rows[0].last - rows[0].first + 1 : value.horizon;
      const end = rows.length ? rows[0].first : log.wholeDays[1] + 1;
      const past = soldBefore(countDaily(level, id), end, length);
      const shown = length === value.horizon ? tests : [];
      const lines = [
        ...past.map((row) => {
          const test = shown.find((other) => other.first === row.first);
          return { days: name(row), first: row.first, units: row.units, forecast: test ? test.forecast : null };
        }),
        ...rows.map((row) => ({
          days: name(row), first: row.first, units: null, forecast: row.forecast, isComing: true,
          ...Object.fromEntries(row.bands.map(([band, low, high]) => [band, [low, high]])),
        })),
      ];
      coming.show({
        empty: lines.length ? null : "There is neither a history nor a forecast of this.",
        summary: describe(rows, shown),
        rows: lines,
        draw: () => drawCourse(lines, rows, model, length),
      });
    }

    function describe(rows, tests) {
      const words = [];
      if (rows.length) {
        const total = smartrocket.sum(rows.map((row) => row.forecast));
        const last = rows[rows.length - 1];
        words.push(`${format.number(total, total < 10 ? 2 : 0)} units are expected for ${name({ first: rows[0].first, last: last.last })}.`);
        const band = rows.length === 1 && rows[0].bands.find(([percent]) => percent === 80);
        if (band) words.push(`With a chance of 80 % it will be ${band[1] === band[2] ? format.number(band[1]) : `${format.number(band[1])} to ${format.number(band[2])}`}.`);
        if (rows[0].confidence) words.push(`Confidence: ${rows[0].confidence}.`);
      } else {
        words.push("There is no forecast of the coming days for this.");
      }
      if (tests.length) {
        const [forecast, actual] = ["forecast", "actual"].map((part) => smartrocket.sum(tests.map((row) => row[part])));
        words.push(`In the ${format.plural(tests.length, "test week")}: ${format.number(forecast, forecast < 10 ? 1 : 0)} forecast, ${format.number(actual)} sold.`);
      }
      return words.join(" ");
    }

    function drawCourse(lines, rows, model, length) {
      const { view, addtocart, muted } = colours();
      const days = lines.map((line) => format.dayMonth(log.date(line.first)));
      const bands = rows.length ? [...rows[0].bands].reverse() : [];
      const traces = bands.map(([band], place) => ({
        type: "bar", name: `${band} % band`, x: rows.map((row) => format.dayMonth(log.date(row.first))),
        base: rows.map((row) => row.bands.find(([other]) => other === band)[1]),
        // A band of a single count would have no height to see.
        y: rows.map((row) => {
          const [, low, high] = row.bands.find(([other]) => other === band);
          return Math.max(high - low, 0.02);
        }),
        marker: { color: `${addtocart}${["3d", "5c", "8c"][place]}` }, width: [0.82, 0.58, 0.34][place], hoverinfo: "skip",
      }));
      traces.push(
        { type: "bar", name: "Sold", x: days, y: lines.map((line) => line.units), marker: { color: view, opacity: 0.6 } },
        {
          type: "scatter", mode: "markers", name: `Forecast by ${model}`, x: days, y: lines.map((line) => line.forecast),
          marker: { color: addtocart, size: 10, line: { color: muted, width: 1 } }, hovertemplate: "%{y:,.2f}",
        },
      );
      return {
        traces,
        layout: { barmode: "overlay", bargap: 0.25, xaxis: { type: "category", showgrid: false, title: { text: length > 1 ? `Stretches of ${length} days, by their first day` : "" }, categoryorder: "array", categoryarray: days, nticks: 14, tickangle: "auto" }, yaxis: { title: { text: "Units" } } },
      };
    }

    return {
      value,
      openItems,
      coursePanel,
      showCourse,
      itemPanel: () => (value ? coursePanel() : null),
      show: (shown, id) => (value ? showCourse(shown, "item", id, value.models[value.models.length - 1]) : null),
      async cards(id) {
        const [next] = value ? await upcoming("item", id) : [];
        if (!next) return [];
        return [{
          name: "forecast", label: "Expected units", value: next.forecast, text: format.number(next.forecast, 2),
          note: next.confidence ? `confidence: ${next.confidence}` : name(next),
        }];
      },
    };
  };
})();
