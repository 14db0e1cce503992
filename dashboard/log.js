// The shop's log in the browser: what happened, counted anew for each choice of days, categories and events.
(function () {
  "use strict";

  function fillCategories(value, itemCategory) {
    const categories = new Uint16Array(value.fact_item.length);
    for (let row = 0; row < categories.length; row += 1) categories[row] = itemCategory[value.fact_item[row]];
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

  smartrocket.openLog = async function () {
    const [shop, value] = await Promise.all([smartrocket.openShop(), smartrocket.load("facts")]);
    if (!shop || !value) return null;
    const { kinds, sold, tree } = shop;
    const categories = fillCategories(value, shop.itemCategory);
    const starts = sumBefore(value.slot_rows);
    const salesBefore = placeSales(value, starts, sold);
    const orders = value.sold_order.reduce((largest, order) => Math.max(largest, order + 1), 0);

    // Count what happened from day `from` to day `to` (both included), in the categories whose mark in `isInside` is 1
    // (null: in all), in events whose mark in `isKind` is 1. `item` keeps to one item. Sums stand by kind of event;
    // each item counts once in each group of categories.
    function count({ from, to, isInside = null, isKind = null, item = null, groups = null, groupCount = 0 }) {
      const width = kinds.length;
      const days = Math.max(to - from + 1, 0);
      const counted = {
        from, days, rows: 0, revenue: 0, unpriced: 0, orders: 0, pricedOrders: 0,
        kinds: new Uint32Array(width),
        daily: new Uint32Array(days * width), dailyRevenue: new Float64Array(days), dailyOrders: new Uint32Array(days),
        dailyUnpriced: new Uint32Array(days),
        week: new Uint32Array(168 * width),
        categories: new Uint32Array(tree.size * width), categoryRevenue: new Float64Array(tree.size),
        categoryUnpriced: new Uint32Array(tree.size),
        items: new Uint32Array(shop.items.length * width), itemRevenue: new Float64Array(shop.items.length),
        itemUnpriced: new Uint32Array(shop.items.length),
        groupItems: new Uint32Array(groupCount),
        prices: [],
      };
      // Hardly any item has events in two groups: those after its first one stand apart.
      const firstGroup = new Int32Array(groups ? shop.items.length : 0).fill(-1);
      const furtherGroups = new Set();
      const seen = { orders: new Uint8Array(orders), pricedOrders: new Uint8Array(orders) };
      function countItem(number, group) {
        if (group < 0 || group === firstGroup[number]) return;
        if (firstGroup[number] < 0) firstGroup[number] = group;
        else if (furtherGroups.has(number * groupCount + group)) return;
        else furtherGroups.add(number * groupCount + group);
        counted.groupItems[group] += 1;
      }
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
          if (groups) countItem(items[row], groups[categories[row]]);
          if (kind === sold) countSale(counted, sale, day, items[row], categories[row], seen);
        }
      }
      counted.rows = counted.kinds.reduce((sum, rows) => sum + rows, 0);
      // What was sold at prices that nobody knows did not bring in nothing.
      if (counted.unpriced && !counted.prices.length) counted.revenue = NaN;
      return counted;
    }

    function countSale(counted, sale, day, item, category, seen) {
      const order = value.sold_order[sale];
      if (!seen.orders[order]) {
        seen.orders[order] = 1;
        counted.orders += 1;
        counted.dailyOrders[day] += 1;
      }
      const price = value.sold_price[sale];
      if (Number.isNaN(price)) {
        counted.unpriced += 1;
        counted.dailyUnpriced[day] += 1;
        counted.categoryUnpriced[category] += 1;
        counted.itemUnpriced[item] += 1;
        return;
      }
      counted.revenue += price;
      counted.dailyRevenue[day] += price;
      counted.categoryRevenue[category] += price;
      counted.itemRevenue[item] += price;
      counted.prices.push(price);
      if (!seen.pricedOrders[order]) {
        seen.pricedOrders[order] = 1;
        counted.pricedOrders += 1;
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

    return { ...shop, usedKinds, count, countVisitors };
  };
})();
