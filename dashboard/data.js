// Data and further scripts, loaded as classic scripts: the only way that works from a server and from a folder.
(function () {
  "use strict";

  const arrived = new Map();
  const waiting = new Map();
  // Scripts stand beside this one, and the data in a folder below it.
  const here = document.currentScript.src.replace(/[^/]*$/, "");
  const KINDS = {
    u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i1: Int8Array, i8: BigInt64Array, f4: Float32Array,
    f8: Float64Array,
  };

  window.smartrocket = {};

  // An id as the pages hold it: a number, or its digits where JavaScript's numbers are too coarse for it. What is no
  // whole number is no id.
  smartrocket.readId = function (id) {
    if (!/^-?\d+$/.test(id)) return null;
    return Number.isSafeInteger(Number(id)) ? Number(id) : String(id);
  };

  // Each file of data calls this once.
  smartrocket.data = function (name, value) {
    arrived.set(name, value);
  };

  function loadScript(address) {
    if (!waiting.has(address)) {
      waiting.set(address, new Promise(function (resolve, reject) {
        const script = document.createElement("script");
        script.src = here + address;
        script.onload = resolve;
        script.onerror = function () {
          // It may be there the next time.
          waiting.delete(address);
          script.remove();
          reject(new Error(`${address} is not there`));
        };
        document.head.append(script);
      }));
    }
    return waiting.get(address);
  }

  // Return the value that `data/<name>.js` holds, its packed columns unpacked, or null where the build has no such file.
  smartrocket.load = async function (name) {
    await loadScript("data/contents.js");
    if (!arrived.get("contents").names.includes(name)) return null;
    await loadScript(`data/${name}.js`);
    const value = arrived.get(name);
    if (value.bytes) {
      const packed = value.bytes;
      delete value.bytes;
      value.unpacked = unpack(packed, value.columns).then((columns) => Object.assign(value, columns));
    }
    await value.unpacked;
    return value;
  };

  smartrocket.loadPlotly = async function () {
    await loadScript("plotly.min.js");
    return window.Plotly;
  };

  async function unpack(text, columns) {
    const packed = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const unpacked = {};
    let start = 0;
    for (const [name, kind, length, isDifferences] of columns) {
      const values = readColumn(bytes, start, kind, length, isDifferences);
      start += values.byteLength;
      unpacked[name] = kind === "i8" ? Array.from(values, smartrocket.readId) : values;
    }
    return unpacked;
  }

  // The lowest byte of every value comes first, then the next. Sums of differences wrap around as they should.
  function readColumn(bytes, start, kind, length, isDifferences) {
    const values = new KINDS[kind](length);
    const width = values.BYTES_PER_ELEMENT;
    const raw = new Uint8Array(values.buffer);
    for (let plane = 0; plane < width; plane += 1) {
      const from = start + plane * length;
      for (let row = 0; row < length; row += 1) raw[row * width + plane] = bytes[from + row];
    }
    if (isDifferences) {
      for (let row = 1; row < length; row += 1) values[row] += values[row - 1];
    }
    return values;
  }
})();
