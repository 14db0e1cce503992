// Numbers, dates and sentences, written as the rest of the report writes them.
(function () {
  "use strict";

  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const DAY = 86400000;
  const writers = [0, 1, 2, 3, 4].map((digits) => new Intl.NumberFormat("en-US", {
    minimumFractionDigits: digits, maximumFractionDigits: digits,
  }));

  const format = {
    number(value, digits = 0) {
      return value === null || !Number.isFinite(value) ? "–" : writers[digits].format(value).replace("-", "−");
    },

    // Large amounts in thousands and millions, so that a card's number can be read at a glance.
    short(value) {
      if (value === null || !Number.isFinite(value)) return "–";
      const size = Math.abs(value);
      if (size >= 1e9) return `${format.number(value / 1e9, 2)} bn`;
      if (size >= 1e6) return `${format.number(value / 1e6, 2)} m`;
      return format.number(value, size < 10 && !Number.isInteger(value) ? 2 : 0);
    },

    // Two digits that count, for the ends of steps: 5263 becomes "5.3k".
    rough(value) {
      const [size, sign] = value >= 1e6 ? [1e6, "M"] : value >= 1e3 ? [1e3, "k"] : [1, ""];
      const scaled = Number((value / size).toPrecision(2));
      return `${scaled}${sign}`;
    },

    percent(share, digits = 1) {
      return share === null || !Number.isFinite(share) ? "–" : `${format.number(100 * share, digits)}\u00a0%`;
    },

    plural(count, noun, many = `${noun}s`) {
      return `${format.number(count)} ${count === 1 ? noun : many}`;
    },

    joined(words) {
      return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
    },

    date(iso) {
      const [year, month, day] = iso.split("-").map(Number);
      return `${day} ${MONTHS[month - 1]} ${year}`;
    },

    dayMonth(iso) {
      const [, month, day] = iso.split("-").map(Number);
      return `${day} ${MONTHS[month - 1]}`;
    },

    span(first, last) {
      if (first === last) return format.date(first);
      const sameYear = first.slice(0, 4) === last.slice(0, 4);
      return `${sameYear ? format.date(first).slice(0, -5) : format.date(first)} – ${format.date(last)}`;
    },

    addDays(iso, days) {
      return new Date(Date.parse(`${iso}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10);
    },

    daysBetween(first, last) {
      return Math.round((Date.parse(`${last}T00:00:00Z`) - Date.parse(`${first}T00:00:00Z`)) / DAY);
    },
  };

  smartrocket.format = format;
})();
