// Elements of a page, made without ever reading text as markup: what comes from the data is shown, not interpreted.
(function () {
  "use strict";

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name in { value: 0, checked: 0, selected: 0, disabled: 0, hidden: 0 }) element[name] = value;
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  let count = 0;

  smartrocket.make = make;

  // An id that no other element of the page has.
  smartrocket.newId = function (stem) {
    count += 1;
    return `${stem}-${count}`;
  };

  smartrocket.link = function (address, text) {
    return make("a", { href: address }, text);
  };

  smartrocket.term = function (anchor, text) {
    return smartrocket.link(`../chapters/glossary.html#${anchor}`, text);
  };

  // A group of buttons of which one is chosen. Its `choose` may name the only ones that can be.
  smartrocket.choice = function (label, options, chosen, onChoose) {
    const buttons = options.map(([value, text]) => make("button", {
      type: "button", "aria-pressed": String(value === chosen), "data-value": value,
      onclick() {
        group.choose(value);
        onChoose(value);
      },
    }, text));
    const group = make("div", { class: "choice", role: "group", "aria-label": label }, ...buttons);
    group.choose = function (value, possible = null) {
      buttons.forEach((button) => {
        button.setAttribute("aria-pressed", String(button.dataset.value === String(value)));
        button.disabled = Boolean(possible && !possible.includes(button.dataset.value));
      });
    };
    return group;
  };

  // Offer a text or an address of data as a file.
  smartrocket.download = function (name, content) {
    const address = content.startsWith("data:")
      ? content
      : URL.createObjectURL(new Blob([content], { type: "text/csv;charset=utf-8" }));
    const link = make("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    if (address !== content) setTimeout(() => URL.revokeObjectURL(address), 1000);
  };
})();
