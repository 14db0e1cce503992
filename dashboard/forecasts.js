// Forecasts of the days to come and of the test, for one product, one category or the whole shop.
(function () {
  "use strict";

  const { format, term, colours, panel } = smartrocket;
  const CLASSES = ["low", "medium", "high"];
  const CHUNK = 500;
  // So many stretches, or single days, of the past stand beside what is expected.
  const PAST = { stretches: 12, days: 60 };

  // The rows of a table in columns, from `start` on, as {first, last, day, forecast, sells, actual, confidence, bands}.
  function readRows(columns, stem, bands, start, count) {
    return Array.from({ length: count }, (_, place) => {
      const of = (name) => (columns[stem + name] ? columns[stem + name][start + place] : null);
      const actual = of("actual");
      const confidence = of("confidence");
      return {
        first: of("first"), last: of("last"), day: of("day"), forecast: of("forecast"), sells: of("sells"),
        actual: Number.isNaN(actual) ? null : actual,
        confidence: confidence === null || Number.isNaN(confidence) ? null : CLASSES[confidence],
        bands: bands.map((band) => [band, of(`low_${band}`), of(`high_${band}`)]),
      };
    });
  }

  // Where the rows of one number are in a column in which equal numbers stand together.
  function findRun(column, number) {
    const start = column ? column.indexOf(number) : -1;
    let end = start;
    while (start >= 0 && column[end] === number) end += 1;
    return [start, end - start];
  }

  function findItem(rows, within) {
    let start = 0;
    for (let item = 0; item < within; item += 1) start += rows[item];
    return [start, rows[within]];
  }

  smartrocket.openForecasts = async function (log) {
    const value = await smartrocket.load("forecasts");
    let asked = 0;

    // The columns of a level, and where in them one item or category has its rows. Those of items are many, and are
    // loaded when one is asked for.
    async function locate(level, number) {
      if (level === "total") return { columns: value, stem: "total_", rows: [0, value.total_first ? value.total_first.length : 0] };
      if (level === "category") {
        const columns = await smartrocket.load("forecasts-categories");
        return { columns, stem: "", rows: findRun(columns.category, number), tests: findRun(columns.test_category, number) };
      }
      const columns = await smartrocket.load(`forecasts-${Math.floor(number / CHUNK)}`);
      const within = number % CHUNK;
      return { columns, stem: "day_", rows: findItem(columns.day_rows, within), tests: findItem(columns.test_rows, within) };
    }

    const known = { item: new Set(value ? value.item : []), category: new Set(value ? value.category : []) };
    const isKnown = (level, number) => level === "total" || known[level].has(number);

    // What `model` forecast for each week of the test, and what was sold: {first, last, actual, forecast, bands}.
    function readTests({ columns, tests }, level, model) {
      const number = value.models.indexOf(model);
      const week = (place, actual, forecast) => {
        const first = value.origins[place] + 1;
        return { first, last: first + value.horizon - 1, day: 0, actual, forecast, bands: [] };
      };
      if (level === "total") return value.weeks.map((row, place) => week(place, row.actual, row.units[model]));
      const [start, count] = tests;
      return Array.from({ length: count }, (_, row) => week(
        columns.test_week[start + row], columns.test_actual[start + row], columns[`test_model_${number}`][start + row],
      ));
    }

    // The rows that belong to a horizon: "all" its days together, "each" of them, or one day ahead.
    function keepHorizon(rows, horizon) {
      if (horizon === "all") return rows.filter((row) => row.day === 0);
      return rows.filter((row) => (horizon === "each" ? row.day > 0 : row.day === Number(horizon)));
    }

    // What was forecast for the test and is forecast for the coming days. Only the final model has bands, single days
    // and days to come.
    async function read(level, number, model, horizon) {
      if (!isKnown(level, number)) return { coming: [], tests: [] };
      const place = await locate(level, number);
      const rows = readRows(place.columns, place.stem, value.bands, ...place.rows);
      const ofFinal = keepHorizon(rows, model === value.final ? horizon : "all");
      const tests = model === value.final
        ? ofFinal.filter((row) => row.actual !== null)
        : value.models.includes(model) ? readTests(place, level, model) : [];
      return { coming: model === value.final ? ofFinal.filter((row) => row.actual === null) : [], tests };
    }

    // Units sold in the latest stretches of `length` days before day `end`, the oldest first.
    function soldBefore(daily, end, length) {
      const stretches = [];
      const most = length > 1 ? PAST.stretches : PAST.days;
      for (let first = end - length; first >= log.wholeDays[0] && stretches.length < most; first -= length) {
        stretches.unshift({ first, last: first + length - 1, units: smartrocket.sum(daily.slice(first, first + length)) });
      }
      return stretches;
    }

    function countDaily(level, number) {
      const everything = { from: 0, to: log.days - 1 };
      const counted = level === "item"
        ? log.count({ ...everything, item: number })
        : log.count({ ...everything, isInside: level === "category" ? only(number) : null });
      return Array.from({ length: counted.days }, (_, day) => counted.daily[day * log.kinds.length + log.sold]);
    }

    // Forecasts of a category are sums over the items in it, not over those in categories below.
    function only(number) {
      const isInside = new Uint8Array(log.tree.size);
      isInside[number] = 1;
      return isInside;
    }

    function name(row) {
      return format.span(log.date(row.first), log.date(row.last));
    }

    function coursePanel() {
      return panel({
        title: "Sold, tested and expected", name: "forecast", isWide: true, height: 340,
        how: [
          "The blue line is what was sold, diamonds are what the model said before it knew. The orange bars are the ",
          term("prediction-interval", "bands"), " in which the units should lie with the chance that the legend says: ",
          "in the test weeks the line can be checked against them, of the last ones nothing is known yet. Where a forecast ",
          "does not cover all that was sold, rings are what it covers.",
        ],
        columns: [
          { name: "Days", isText: true, value: (row) => row.days },
          { name: "Sold", value: (row) => row.units ?? NaN, show: (units) => format.number(units) },
          { name: "Forecast", value: (row) => row.forecast ?? NaN, show: (units) => format.number(units, 2) },
          { name: "Sold, covered", value: (row) => row.tested ?? NaN, show: (units) => format.number(units) },
          ...[50, 80, 95].flatMap((band) => ["Low", "High"].map((end, place) => ({
            name: `${end} ${band} %`, value: (row) => row[band] ? row[band][place] : NaN,
          }))),
        ],
        limit: 16,
      });
    }

    // What a panel has to tell of a course. Units sold are always those of the log, whichever model is looked at; what
    // its test covers of them stands beside them.
    async function tellCourse(level, number, model, horizon = "all") {
      const { coming, tests } = await read(level, number, model, horizon);
      const length = horizon === "all" || model !== value.final ? value.horizon : 1;
      const daily = countDaily(level, number);
      const forecastAt = new Map([...tests, ...coming].map((row) => [row.first, row]));
      const past = soldBefore(daily, log.wholeDays[1] + 1, length);
      const lines = [...past, ...coming.map((row) => ({ ...row, units: null }))].map((row) => {
        const forecast = forecastAt.get(row.first);
        return {
          first: row.first, days: name(row), units: row.units, forecast: forecast ? forecast.forecast : null,
          tested: forecast ? forecast.actual : null,
          ...Object.fromEntries((forecast ? forecast.bands : []).map(([band, low, high]) => [band, [low, high]])),
        };
      });
      const sold = smartrocket.sum(tests.map((row) => smartrocket.sum(daily.slice(row.first, row.last + 1))));
      return {
        empty: isNothing(lines) ? `Nothing was sold lately ${level === "category" ? "in this very category" : "of this"}, and there is no forecast.` : null,
        summary: [...describeComing(coming, model), ...describeTests(tests, lines, sold, level)].join(" "),
        rows: lines,
        draw: () => drawCourse(lines, length),
      };
    }

    const isNothing = (lines) => lines.every((line) => !line.units && line.forecast === null);

    function describeComing(coming, model) {
      const words = [];
      if (coming.length) {
        const total = smartrocket.sum(coming.map((row) => row.forecast));
        words.push(`${format.number(total, total < 10 ? 2 : 0)} units are expected for ${name({ first: coming[0].first, last: coming[coming.length - 1].last })}.`);
        const band = coming.length === 1 && coming[0].bands.find(([percent]) => percent === 80);
        if (band) words.push(`With a chance of 80\u00a0% it will be ${band[1] === band[2] ? format.number(band[1]) : `${format.number(band[1])} to ${format.number(band[2])}`}.`);
        if (coming[0].confidence) words.push(`Confidence: ${coming[0].confidence}.`);
      } else {
        words.push(value.final && model !== value.final ? `Only ${value.final} forecasts the coming days.` : "There is no forecast of the coming days for this.");
      }
      return words;
    }

    // `sold` are all units that the log has in the tested days: a test may cover fewer products than sold then.
    function describeTests(tests, lines, sold, level) {
      if (!tests.length) return [];
      const [forecast, actual] = ["forecast", "actual"].map((part) => smartrocket.sum(tests.map((row) => row[part])));
      const when = `In ${format.plural(tests.length, tests[0].day ? "test day" : "test week")}`;
      const counted = `${format.number(forecast, forecast < 10 ? 1 : 0)} forecast, ${format.number(actual)} sold`;
      // A product that changed its category meanwhile is in the test of the one and in the line of the other.
      const covered = level === "category"
        ? `that were in the category when it was forecast; the line shows the ${format.number(sold)} sold of products that were in it when they were sold`
        : `that were known when it was forecast; the line shows all ${format.number(sold)} that were sold`;
      const words = [actual === sold ? `${when}: ${counted}.` : `${when}: ${counted} of the products ${covered}.`];
      const checked = lines.filter((line) => line[80] && line.tested !== null);
      const inside = checked.filter((line) => line.tested >= line[80][0] && line.tested <= line[80][1]);
      if (checked.length) words.push(`Of the ${format.number(checked.length)} shown here, ${format.number(inside.length)} lie in the 80\u00a0% band.`);
      return words;
    }

    function drawCourse(lines, length) {
      const { view, addtocart, ink, paper } = colours();
      const label = (line) => format.dayMonth(log.date(line.first));
      const days = lines.map(label);
      const traces = [...value.bands].reverse().map((band, place) => {
        const within = lines.filter((line) => line[band]);
        return {
          type: "bar", name: `${band} %`, x: within.map(label), base: within.map((line) => line[band][0]),
          // A band of a single count would have no height to see.
          y: within.map((line) => Math.max(line[band][1] - line[band][0], 0.02)),
          marker: { color: `${addtocart}${["3d", "5c", "8c"][place]}` }, width: [0.82, 0.58, 0.34][place], hoverinfo: "skip",
        };
      }).filter((trace) => trace.x.length);
      // A line and two shapes can be told from bars, and from each other, without their colours.
      traces.push({
        type: "scatter", mode: "lines+markers", name: "Sold", x: days, y: lines.map((line) => line.units),
        line: { color: view, width: 2 }, marker: { color: view, size: length > 1 ? 8 : 5 }, hovertemplate: "%{y:,}",
      });
      const partly = lines.filter((line) => line.tested !== null && line.tested !== line.units);
      if (partly.length) traces.push({
        type: "scatter", mode: "markers", name: "Sold, covered", x: partly.map(label), y: partly.map((line) => line.tested),
        marker: { symbol: "circle-open", color: view, size: length > 1 ? 10 : 6, line: { width: 2 } }, hovertemplate: "%{y:,}",
      });
      traces.push({
        type: "scatter", mode: "markers", name: "Forecast", x: days, y: lines.map((line) => line.forecast),
        marker: { symbol: "diamond", color: paper, size: length > 1 ? 9 : 5, line: { color: ink, width: length > 1 ? 1.5 : 1 } }, hovertemplate: "%{y:,.2f}",
      });
      return {
        traces,
        layout: {
          barmode: "overlay", bargap: 0.25, yaxis: { title: { text: "Units" } },
          xaxis: {
            type: "category", showgrid: false, title: { text: length > 1 ? `Stretches of ${length} days, by their first day` : "" },
            categoryorder: "array", categoryarray: days, nticks: 14, tickangle: "auto",
          },
        },
      };
    }

    return {
      value,
      isKnown,
      list: (level) => Array.from(value[level] || []),
      coursePanel,
      tellCourse,
      itemPanel: () => (value && value.item.length ? coursePanel() : null),
      async show(shown, number) {
        if (!shown) return;
        asked += 1;
        const own = asked;
        const told = await tellCourse("item", number, value.final ?? value.models[value.models.length - 1]);
        // Another product may have been asked for while the forecasts were loaded.
        if (own === asked) shown.show(told);
      },
      async cards(number) {
        const { coming } = value && value.final ? await read("item", number, value.final, "all") : { coming: [] };
        if (!coming.length) return [];
        const [next] = coming;
        return [
          {
            name: "forecast", label: "Expected units", value: next.forecast, text: format.number(next.forecast, 2),
            note: next.confidence ? `${name(next)}; confidence: ${next.confidence}` : name(next),
          },
          { name: "sells", label: "Chance of a sale", value: next.sells, text: format.percent(next.sells), note: name(next) },
        ];
      },
    };
  };
})();
