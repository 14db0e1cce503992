// The shop's log in the browser: what happened, counted anew for each choice of days, categories and events.
(function () {
  "use strict";

  // A category tree that leads in a circle must not hang the page.
  const DEEPEST = 50;

  // The tree of categories. Number 0 stands for items whose category is not known.
  function readTree(ids, parents) {
    const children = Array.from({ length: ids.length + 1 }, () => []);
    parents.forEach((parent, place) => children[parent].push(place + 1));
    const tree = {
      ids,
      size: ids.length + 1,
      children: (number) => children[number],
      parent: (number) => (number ? parents[number - 1] : 0),
      number: (id) => ids.indexOf(smartrocket.readId(id)) + 1,
      label: (number) => (number ? `Category ${ids[number - 1]}` : "No category"),
      // From the root down to the category.
      path(number) {
        const path = [];
        for (let place = number; place && path.length < DEEPEST; place = tree.parent(place)) path.unshift(place);
        return path;
      },
      // 1 for the category and all below it; null stands for all there are.
      below(number) {
        if (number === null) return null;
        const isInside = new Uint8Array(tree.size);
        const open = [number];
        while (open.length) {
          const place = open.pop();
          if (!isInside[place]) {
            isInside[place] = 1;
            if (place) open.push(...children[place]);
          }
        }
        return isInside;
      },
      // The parts that a category consists of: those directly below it, and itself where it has items of its own.
      parts(number) {
        if (number === null) return [...children[0], 0];
        return number ? [...children[number], number] : [0];
      },
      // For each category the place of the part that it belongs to, -1 for none.
      groups(number) {
        const group = new Int32Array(tree.size).fill(-1);
        tree.parts(number).forEach((part, place) => {
          if (part === number || part === 0) group[part] = place;
          else tree.below(part).forEach((isInside, category) => { if (isInside) group[category] = place; });
        });
        return group;
      },
    };
    return tree;
  }

  function fillCategories(value) {
    const categories = new Uint16Array(value.fact_item.length);
    for (let row = 0; row < categories.length; row += 1) categories[row] = value.item_category[value.fact_item[row]];
    value.other_row.forEach((row, place) => { categories[row] = value.other_category[place]; });
    return categories;
  }

  function sumBefore(lengths) {
    const sums = new Uint32Array(lengths.length + 1);
    for (let place = 0; place < lengths.length; place += 1) sums[place + 1] = sums[place] + lengths[place];
    return sums;
  }

  // For each row, how many sales come before it: where its price and order stand.
  function placeSales(value, starts, sold) {
    const before = new Uint32Array(starts.length);
    for (let slot = 0, sales = 0; slot < starts.length - 1; slot += 1) {
      before[slot] = sales;
      for (let row = starts[slot]; row < starts[slot + 1]; row += 1) if (value.fact_kind[row] === sold) sales += 1;
    }
    return before;
  }

  // The products whose number holds a text, or that are in the category of this number; the nearest first, and of these
  // the busiest.
  smartrocket.findItems = function (log, text) {
    const rank = (item) => {
      const id = String(log.items[item]);
      return id === text ? 0 : id.startsWith(text) ? 1 : id.includes(text) ? 2 : 3;
    };
    const category = log.tree.number(text);
    const isInside = category ? log.tree.below(category) : [];
    return Array.from(log.items.keys(), (item) => [item, rank(item)])
      .filter(([item, place]) => place < 3 || isInside[log.itemCategory[item]])
      .sort((one, other) => one[1] - other[1] || one[0] - other[0])
      .map(([item]) => item);
  };

  smartrocket.openLog = async function () {
    const value = await smartrocket.load("facts");
    if (!value) return null;
    const kinds = value.events;
    const sold = kinds.indexOf("transaction");
    const tree = readTree(value.category_id, value.category_parent);
    const categories = fillCategories(value);
    const starts = sumBefore(value.slot_rows);
    const salesBefore = placeSales(value, starts, sold);
    const orders = value.sold_order.reduce((largest, order) => Math.max(largest, order + 1), 0);
    const itemNumbers = new Map();
    value.item_id.forEach((id, number) => itemNumbers.set(id, number));

    // Count what happened from day `from` to day `to` (both included), in the categories whose mark in `isInside` is 1
    // (null: in all), in events whose mark in `isKind` is 1. `item` keeps to one item. Sums stand by kind of event.
    function count({ from, to, isInside = null, isKind = null, item = null }) {
      const width = kinds.length;
      const days = Math.max(to - from + 1, 0);
      const counted = {
        from, days, rows: 0, revenue: 0, unpriced: 0, orders: 0,
        kinds: new Uint32Array(width),
        daily: new Uint32Array(days * width), dailyRevenue: new Float64Array(days), dailyOrders: new Uint32Array(days),
        week: new Uint32Array(168 * width),
        categories: new Uint32Array(tree.size * width), categoryRevenue: new Float64Array(tree.size),
        items: new Uint32Array(value.item_id.length * width), itemRevenue: new Float64Array(value.item_id.length),
        prices: [],
      };
      const hasOrder = new Uint8Array(orders);
      const { fact_item: items, fact_kind: factKinds, slot_day: slotDays, slot_cell: cells } = value;
      for (let slot = firstSlot(from); slot < slotDays.length && slotDays[slot] <= to; slot += 1) {
        const day = slotDays[slot] - from;
        const cell = cells[slot] * width;
        let sale = salesBefore[slot] - 1;
        for (let row = starts[slot]; row < starts[slot + 1]; row += 1) {
          const kind = factKinds[row];
          if (kind === sold) sale += 1;
          if (isKind && !isKind[kind]) continue;
          if (isInside && !isInside[categories[row]]) continue;
          if (item !== null && items[row] !== item) continue;
          counted.kinds[kind] += 1;
          counted.daily[day * width + kind] += 1;
          counted.week[cell + kind] += 1;
          counted.categories[categories[row] * width + kind] += 1;
          counted.items[items[row] * width + kind] += 1;
          if (kind === sold) countSale(counted, sale, day, items[row], categories[row], hasOrder);
        }
      }
      counted.rows = counted.kinds.reduce((sum, rows) => sum + rows, 0);
      return counted;
    }

    function countSale(counted, sale, day, item, category, hasOrder) {
      const price = value.sold_price[sale];
      if (Number.isNaN(price)) {
        counted.unpriced += 1;
      } else {
        counted.revenue += price;
        counted.dailyRevenue[day] += price;
        counted.categoryRevenue[category] += price;
        counted.itemRevenue[item] += price;
        counted.prices.push(price);
      }
      const order = value.sold_order[sale];
      if (!hasOrder[order]) {
        hasOrder[order] = 1;
        counted.orders += 1;
        counted.dailyOrders[day] += 1;
      }
    }

    function firstSlot(day) {
      let low = 0;
      let high = value.slot_day.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (value.slot_day[middle] < day) low = middle + 1;
        else high = middle;
      }
      return low;
    }

    // Count who came: each visitor once, once a kind of event, once a day, and once in each group of categories.
    function countVisitors({ from, to, isInside = null, isKind = null, groups = null, groupCount = 0 }) {
      const { visit_new: begins, visit_day: days, visit_category: visitCategories, visit_kind: visitKinds } = value;
      const counted = {
        all: 0, kinds: new Uint32Array(kinds.length), daily: new Uint32Array(Math.max(to - from + 1, 0)),
        groups: new Uint32Array(groupCount), groupBuyers: new Uint32Array(groupCount),
      };
      const lastSeen = new Uint32Array(groupCount);
      const lastBought = new Uint32Array(groupCount);
      for (let row = 0, visitor = 0, did = 0, lastDay = -1; row < begins.length; row += 1) {
        if (begins[row]) {
          visitor += 1;
          did = 0;
          lastDay = -1;
        }
        const day = days[row];
        const kind = visitKinds[row];
        if (day < from || day > to || (isKind && !isKind[kind])) continue;
        const category = visitCategories[row];
        if (isInside && !isInside[category]) continue;
        if (!did) counted.all += 1;
        if (!(did & (1 << kind))) counted.kinds[kind] += 1;
        did |= 1 << kind;
        if (day !== lastDay) counted.daily[day - from] += 1;
        lastDay = day;
        const group = groups ? groups[category] : -1;
        if (group < 0) continue;
        if (lastSeen[group] !== visitor) counted.groups[group] += 1;
        lastSeen[group] = visitor;
        if (kind === sold && lastBought[group] !== visitor) {
          counted.groupBuyers[group] += 1;
          lastBought[group] = visitor;
        }
      }
      return counted;
    }

    const usedKinds = kinds.filter((_, kind) => value.visit_kind.includes(kind));

    return {
      kinds, usedKinds, sold, tree, count, countVisitors,
      days: value.days,
      wholeDays: value.whole_days,
      timeZone: value.time_zone,
      hasPrices: value.has_prices,
      hasOrders: value.has_orders,
      hasCategories: value.category_id.length > 0,
      items: value.item_id,
      itemCategory: value.item_category,
      itemNumber: (id) => itemNumbers.get(smartrocket.readId(id)) ?? null,
      date: (day) => smartrocket.format.addDays(value.first_date, day),
      day: (iso) => smartrocket.format.daysBetween(value.first_date, iso),
    };
  };
})();
