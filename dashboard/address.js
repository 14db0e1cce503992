// The state of a page lives in its address, after the #: a link to the page is a link to what it shows.
(function () {
  "use strict";

  const listeners = [];

  function read() {
    return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  }

  function compose(state) {
    const kept = Object.entries(state).filter(([, value]) => value !== null && value !== undefined && value !== "");
    return new URLSearchParams(kept).toString();
  }

  function write(state) {
    const text = compose(state);
    // An address without anything after # keeps no trace of what was chosen before.
    const address = text ? `#${text}` : location.pathname + location.search;
    if (`#${text}` === location.hash || (!text && !location.hash)) return;
    history.replaceState(null, "", address);
  }

  smartrocket.address = {
    read,
    // The end of an address that shows the same but for some changes.
    linkTo: (changes) => `#${compose({ ...read(), ...changes })}`,
    change(changes) {
      write({ ...read(), ...changes });
    },
    // Which of [value, text] options the address names; where it names none, the first.
    option(name, options) {
      const wanted = read()[name];
      return (options.find(([value]) => value === wanted) || options[0])[0];
    },
    keepOption(name, options, value) {
      smartrocket.address.change({ [name]: value === options[0][0] ? null : value });
    },
    onTravel(listener) {
      listeners.push(listener);
    },
  };

  // A browser that goes back says it twice, with "popstate" too: all would be counted twice.
  window.addEventListener("hashchange", () => listeners.forEach((listener) => listener(read())));
})();
