// GRU4Rec in the browser: the state after a session's clicks, the score of every product, and the list made of them.
(function () {
  "use strict";

  const CANDIDATES = 100;

  const sigmoid = (value) => 1 / (1 + Math.exp(-value));

  // Row after row: the products of a matrix's rows with a vector, plus a bias.
  function multiply(matrix, vector, bias) {
    const width = vector.length;
    const product = new Float64Array(bias.length);
    for (let row = 0; row < product.length; row += 1) {
      let sum = bias[row];
      for (let column = 0, at = row * width; column < width; column += 1, at += 1) sum += matrix[at] * vector[column];
      product[row] = sum;
    }
    return product;
  }

  smartrocket.openNetwork = async function () {
    const value = await smartrocket.load("network");
    if (!value) return null;
    const { units, item: ids, items: table, item_scales: scales } = value;
    const [inputs, inputScales] = value.tied ? [table, scales] : [value.inputs, value.input_scales];
    const numbers = new Map();
    ids.forEach((id, number) => numbers.set(id, number));

    // A row of a table: whole numbers times the row's scale, or, where there are no scales, the numbers themselves.
    function readRow(rows, rowScales, number) {
      const scale = rowScales ? rowScales[number] : 1;
      return Float64Array.from(rows.subarray(number * units, (number + 1) * units), (whole) => whole * scale);
    }

    function step(state, number) {
      const a = multiply(value.input_gates, readRow(inputs, inputScales, number), value.input_gates_bias);
      const b = multiply(value.state_gates, state, value.state_gates_bias);
      return state.map((old, unit) => {
        const reset = sigmoid(a[unit] + b[unit]);
        const update = sigmoid(a[units + unit] + b[units + unit]);
        const candidate = Math.tanh(a[2 * units + unit] + reset * b[2 * units + unit]);
        return (1 - update) * candidate + update * old;
      });
    }

    // The score of every product after the clicks of a session (numbers, the oldest first, at least one).
    function score(session) {
      let state = new Float64Array(units);
      for (const number of session.slice(-value.longest_session)) state = step(state, number);
      const scores = new Float64Array(ids.length);
      let lowest = 0;
      for (let number = 0, at = 0; number < scores.length; number += 1) {
        let sum = 0;
        for (let unit = 0; unit < units; unit += 1, at += 1) sum += table[at] * state[unit];
        scores[number] = sum * (scales ? scales[number] : 1) + value.bias[number];
        lowest = Math.min(lowest, scores[number]);
      }
      if (!value.repeats) scores[session[session.length - 1]] = lowest;
      return scores;
    }

    function best(scores, count, leftOut) {
      const order = Array.from(scores.keys()).filter((number) => number !== leftOut);
      // A short list of the best first: sorting all would take longer than scoring them.
      const floor = order.length > 4 * count ? findFloor(scores, count + 1) : -Infinity;
      return order.filter((number) => scores[number] >= floor)
        .sort((one, other) => scores[other] - scores[one] || one - other).slice(0, count);
    }

    function findFloor(scores, count) {
      return Float64Array.from(scores).sort()[scores.length - count];
    }

    const unitRows = new Map();

    function direction(number) {
      if (!unitRows.has(number)) {
        const row = readRow(table, scales, number);
        const length = Math.hypot(...row) || 1;
        unitRows.set(number, row.map((part) => part / length));
      }
      return unitRows.get(number);
    }

    // The cosine of two products' directions.
    function likeness(one, other) {
      const [left, right] = [direction(one), direction(other)];
      let sum = 0;
      for (let unit = 0; unit < units; unit += 1) sum += left[unit] * right[unit];
      return sum;
    }

    // Maximal marginal relevance (Carbonell and Goldstein 1998) among the best hundred, as the report measures it.
    function diversify(candidates, scores, strength, count) {
      const high = scores[candidates[0]];
      const low = scores[candidates[candidates.length - 1]];
      const spread = Math.max(high - low, 1e-12);
      const left = new Set(candidates);
      const nearest = new Map(candidates.map((number) => [number, -Infinity]));
      const list = [];
      for (let next = candidates[0]; next !== undefined && list.length < count;) {
        const last = next;
        list.push(last);
        left.delete(last);
        next = undefined;
        let most = -Infinity;
        for (const number of left) {
          nearest.set(number, Math.max(nearest.get(number), likeness(number, last)));
          const gain = (1 - strength) * ((scores[number] - low) / spread) - strength * nearest.get(number);
          if (gain > most) [most, next] = [gain, number];
        }
      }
      return list;
    }

    // The calibrated probability that a product comes next.
    function confide(scores, list) {
      const { temperature, slope, intercept } = value.calibration;
      let high = -Infinity;
      for (const score of scores) high = Math.max(high, score / temperature);
      let sum = 0;
      for (const score of scores) sum += Math.exp(score / temperature - high);
      return list.map((number) => {
        const log = Math.min(scores[number] / temperature - high - Math.log(sum), -1e-9);
        return sigmoid(slope * (log - Math.log(-Math.expm1(log))) + intercept);
      });
    }

    // The list after a session: {number, confidence, near, likeness}, `near` the product of the session most alike.
    function recommend(session, count = 20, strength = 0) {
      const scores = score(session);
      const current = value.repeats ? null : session[session.length - 1];
      const candidates = best(scores, Math.max(count, strength ? CANDIDATES : count), current);
      const list = strength ? diversify(candidates, scores, strength, count) : candidates;
      const confidence = confide(scores, list);
      return list.map((number, place) => {
        const alike = session.map((seen) => likeness(number, seen));
        const nearest = Math.max(...alike);
        return { number, confidence: confidence[place], near: session[alike.lastIndexOf(nearest)], likeness: nearest };
      });
    }

    return { ids, repeats: value.repeats, numberOf: (id) => numbers.get(smartrocket.readId(id)) ?? null, recommend, size: ids.length };
  };

  // What stands near a product in columns of neighbours: [number, weight], the nearest first.
  smartrocket.nearTo = function (columns, number) {
    let start = 0;
    for (let row = 0; row < number; row += 1) start += columns.near_rows[row];
    return Array.from({ length: columns.near_rows[number] }, (_, place) => [
      columns.near_item[start + place], columns.near_weight[start + place] * columns.near_scale[0],
    ]);
  };
})();
