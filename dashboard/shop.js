// The shop as every page knows it: its days, kinds of events, products and categories.
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
      // The categories of each level below a category (null: below all roots), the nearest level first.
      levels(number) {
        const levels = [];
        for (let level = number === 0 ? [] : children[number ?? 0]; level.length && levels.length < DEEPEST;) {
          levels.push(level);
          level = level.flatMap((category) => children[category]);
        }
        return levels;
      },
      // The parts that a category consists of: those some levels below it, each with all that is below, and those
      // between, itself among them, with what they have of their own.
      parts(number, depth = 1) {
        const levels = tree.levels(number).slice(0, depth);
        return [...levels.reverse().flat(), number ?? 0];
      },
      // For each category the place of the part that it belongs to, -1 for none.
      groups(number, depth = 1) {
        const places = new Map(tree.parts(number, depth).map((part, place) => [part, place]));
        return Int32Array.from({ length: tree.size }, (_, category) => {
          const nearest = category ? tree.path(category).reverse().find((above) => places.has(above)) : 0;
          return places.get(nearest) ?? -1;
        });
      },
    };
    return tree;
  }

  // The longest name of a product that stands in a list or along an axis.
  const LONGEST = 36;

  // What a product is called: by the shop's name for it and its number, or by its number alone.
  function readNames(ids, names) {
    const isNamed = (item) => Boolean(names && item !== undefined && names[item]);
    const places = new Map(Array.from(ids, (id, item) => [id, item]));
    const cut = (name, longest) => (name.length > longest ? `${name.slice(0, longest - 1).trimEnd()}…` : name);
    return {
      hasNames: Boolean(names),
      nameItem(id) {
        const item = places.get(id);
        return isNamed(item) ? `${names[item]} (${id})` : `Product ${id}`;
      },
      shortName(id, longest = LONGEST) {
        const item = places.get(id);
        return isNamed(item) ? `${cut(names[item], longest)} (${id})` : `Product ${id}`;
      },
      // Whether a product's name holds all words of a text.
      isCalled: (item, words) => isNamed(item) && words.every((word) => names[item].toLowerCase().includes(word)),
    };
  }

  // A name as the pages write it, with its number.
  const LABELLED = /\((-?\d+)\)\s*$/;

  // Whether what is typed is a number, with or without the word for what it numbers, or a label that ends with one.
  smartrocket.isNumber = (text) => /^\s*(#|product|category)?\s*-?\d+\s*$/i.test(text) || LABELLED.test(text);

  // The number in what is typed as "920", "#920" or "Product 920".
  smartrocket.numberIn = (text) => (LABELLED.exec(text) || [])[1] || (/-?\d+/.exec(text) || [text.trim()])[0];

  // The products whose number holds that of a text, whose name has its words, or that are in the category of this number;
  // the nearest first, and of these the busiest.
  smartrocket.findItems = function (shop, typed) {
    const text = smartrocket.numberIn(typed);
    const rank = (item) => {
      const id = String(shop.items[item]);
      return id === text ? 0 : id.startsWith(text) ? 1 : id.includes(text) ? 2 : 3;
    };
    const category = shop.tree.number(text);
    const isInside = category ? shop.tree.below(category) : [];
    const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
    const isName = shop.hasNames && !smartrocket.isNumber(typed);
    const place = (item) => {
      const nearest = isName ? 3 : rank(item);
      if (nearest < 3) return nearest;
      if (shop.isCalled(item, words)) return 3;
      return !isName && isInside[shop.itemCategory[item]] ? 4 : null;
    };
    return Array.from(shop.items.keys(), (item) => [item, place(item)])
      .filter(([, near]) => near !== null)
      .sort((one, other) => one[1] - other[1] || one[0] - other[0])
      .map(([item]) => item);
  };

  smartrocket.openShop = async function () {
    const value = await smartrocket.load("shop");
    if (!value) return null;
    const itemNumbers = new Map();
    value.item_id.forEach((id, number) => itemNumbers.set(id, number));
    return {
      kinds: value.events,
      sold: value.events.indexOf("transaction"),
      tree: readTree(value.category_id, value.category_parent),
      days: value.days,
      wholeDays: value.whole_days,
      timeZone: value.time_zone,
      hasPrices: value.has_prices,
      hasOrders: value.has_orders,
      hasCategories: value.category_id.length > 0,
      items: value.item_id,
      ...readNames(value.item_id, value.item_names),
      itemCategory: value.item_category,
      itemViews: value.item_views,
      itemUnits: value.item_units,
      itemNumber: (id) => itemNumbers.get(smartrocket.readId(id)) ?? null,
      date: (day) => smartrocket.format.addDays(value.first_date, day),
      day: (iso) => smartrocket.format.daysBetween(value.first_date, iso),
    };
  };
})();
