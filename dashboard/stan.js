// STAN in the browser: training sessions like the present one vote for what comes next (Garg et al., SIGIR 2019).
// What it computes is `neighbours.SessionNeighbours` of the report's library, with STAN's settings.
(function () {
  "use strict";

  const DAY = 86400;

  smartrocket.openStan = async function () {
    const value = await smartrocket.load("stan");
    if (!value) return null;
    const { item: items, length: lengths, age: ages } = value;
    const starts = new Uint32Array(lengths.length + 1);
    lengths.forEach((length, session) => { starts[session + 1] = starts[session] + length; });

    // Where each of a session's products was first clicked in it, counted from 1.
    function firstPlaces(session) {
      const places = new Map();
      for (let at = starts[session]; at < starts[session + 1]; at += 1) {
        if (!places.has(items[at])) places.set(items[at], at - starts[session] + 1);
      }
      return places;
    }

    // The latest training sessions that hold each product.
    const holders = new Map();
    const sizes = new Uint32Array(lengths.length);
    const latestFirst = Array.from(lengths.keys()).sort((one, other) => ages[one] - ages[other] || one - other);
    for (const session of latestFirst) {
      const places = firstPlaces(session);
      sizes[session] = places.size;
      for (const item of places.keys()) {
        if (!holders.has(item)) holders.set(item, []);
        const sessions = holders.get(item);
        if (sessions.length < value.sample) sessions.push(session);
      }
    }

    // The neighbours of a session: [training session, similarity], the most alike first.
    function findNeighbours(latest) {
      const similar = new Map();
      latest.forEach((click) => {
        const weight = Math.exp(-click.age / value.click_decay);
        for (const session of holders.get(click.item) || []) {
          similar.set(session, (similar.get(session) || 0) + weight / Math.sqrt(sizes[session]));
        }
      });
      const aged = [...similar].map(([session, likeness]) => [session, likeness * Math.exp(-ages[session] / DAY / value.day_decay)]);
      return aged.sort((one, other) => other[1] - one[1] || one[0] - other[0]).slice(0, value.neighbours);
    }

    // The products of a session (numbers, the oldest first), each at its latest click, the latest of all first.
    function latestClicks(session) {
      const seen = new Map();
      for (let at = session.length - 1; at >= 0; at -= 1) {
        if (!seen.has(session[at])) seen.set(session[at], { item: session[at], age: session.length - 1 - at });
      }
      return [...seen.values()];
    }

    // The list after a session: {number, votes}, the most votes first; empty where no session holds any of it.
    function recommend(session, count = 20) {
      const latest = latestClicks(session);
      const votes = new Map();
      for (const [neighbour, likeness] of findNeighbours(latest)) {
        const places = firstPlaces(neighbour);
        const anchor = places.get(latest.find((click) => places.has(click.item)).item);
        for (const [item, place] of places) {
          votes.set(item, (votes.get(item) || 0) + likeness * Math.exp(-Math.abs(place - anchor) / value.gap_decay));
        }
      }
      if (!value.repeats) votes.delete(session[session.length - 1]);
      return [...votes].sort((one, other) => other[1] - one[1] || one[0] - other[0]).slice(0, count)
        .map(([number, sum]) => ({ number, votes: sum }));
    }

    return { recommend };
  };
})();
