// Sorting, filtering, pointing and drawing. What comes from data reaches the page as text alone.
(() => {
  const { tokens_of, values_of, maps_of } = figures;
  const $ = (id) => document.getElementById(id);
  const read = (id) => JSON.parse($(id).textContent);
  const el = (tag, set, ...inside) => {
    const e = document.createElement(tag);
    for (const [k, v] of Object.entries(set || {})) {
      if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
      else if (v !== undefined && v !== false) e.setAttribute(k, v === true ? "" : v);
    }
    e.append(...inside.filter((x) => x !== undefined && x !== null));
    return e;
  };
  const short = (v) => (Number.isFinite(v) ? String(+v.toPrecision(4)) : "–");
  const big = (v) => {
    const units = [" ", " k", " M", " G", " T", " P"];
    let u = 0;
    while (v >= 1000 && u + 1 < units.length) { v /= 1000; ++u; }
    return +v.toPrecision(3) + units[u];
  };

  // --- tables that stand in the page ---
  const compare = (a, b) => a.localeCompare(b, "en", { numeric: true });
  const sortable = (table, sort) => {
    table.querySelectorAll("thead th").forEach((th, column) => {
      const button = el("button", { type: "button", title: th.title || undefined }, ...th.childNodes);
      th.append(button);
      button.addEventListener("click", () => {
        const down = th.getAttribute("aria-sort") === "ascending";
        table.querySelectorAll("thead th").forEach((x) => x.removeAttribute("aria-sort"));
        th.setAttribute("aria-sort", down ? "descending" : "ascending");
        sort(column, down);
      });
    });
  };
  for (const table of document.querySelectorAll("table.sorts")) {
    const body = table.tBodies[0], rows = [...body.rows];
    sortable(table, (column, down) => {
      const value = (row) => parseFloat(row.cells[column].dataset.v);
      const order = rows.slice().sort((a, b) => {
        if (column === 0) return (down ? -1 : 1) * compare(a.cells[0].textContent, b.cells[0].textContent);
        const x = value(a), y = value(b);
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);  // what is missing stays last
        return down ? y - x : x - y;
      });
      body.append(...order);
    });
  }
  for (const input of document.querySelectorAll("input[data-filters]")) {
    const rows = [...$(input.dataset.filters).tBodies[0].rows];
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase();
      for (const row of rows) row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    });
  }

  // --- plots ---
  const tip = el("div", { id: "tip", hidden: true, "aria-hidden": "true" });
  document.body.append(tip);
  const pinned = new Set();  // names of lines that stay lit, in every plot
  const name_of = (key) => key.querySelector("title").textContent;
  const light = (svg, series) => {
    const lit = new Set([...svg.querySelectorAll(".key")].filter((k) => pinned.has(name_of(k))).map((k) => k.dataset.series));
    if (series !== null) lit.add(series);
    svg.classList.toggle("lit", lit.size > 0);
    for (const g of svg.querySelectorAll("[data-series]")) g.classList.toggle("on", lit.has(g.dataset.series));
  };
  const say = (point) => {
    tip.textContent = point.getAttribute("aria-label");
    tip.hidden = false;
    const box = point.getBoundingClientRect(), own = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(box.right + 8, innerWidth - own.width - 4)) + "px";
    tip.style.top = (box.top > own.height + 12 ? box.top - own.height - 8 : box.bottom + 8) + "px";
  };
  const live = (svg) => {
    const points = [...svg.querySelectorAll(".point")];
    points.forEach((p, i) => {
      p.setAttribute("tabindex", i === 0 ? "0" : "-1");
      const on = () => { light(svg, p.parentNode.dataset.series); say(p); };
      const off = () => { light(svg, null); tip.hidden = true; };
      p.addEventListener("pointerenter", on);
      p.addEventListener("pointerleave", off);
      p.addEventListener("focus", on);
      p.addEventListener("blur", off);
      p.addEventListener("keydown", (e) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
        if (e.key === "Escape") off();
        if (!step) return;
        e.preventDefault();
        points[(i + step + points.length) % points.length].focus();
      });
    });
    for (const key of svg.querySelectorAll(".key")) {
      const on = () => light(svg, key.dataset.series), off = () => light(svg, null);
      const pin = () => {
        if (!pinned.delete(name_of(key))) pinned.add(name_of(key));
        for (const other of document.querySelectorAll("svg.plot")) light(other, null);
        for (const k of document.querySelectorAll("svg.plot .key")) k.setAttribute("aria-pressed", pinned.has(name_of(k)));
      };
      for (const [what, value] of [["tabindex", "0"], ["role", "button"], ["aria-pressed", "false"]]) key.setAttribute(what, value);
      key.addEventListener("pointerenter", on);
      key.addEventListener("pointerleave", off);
      key.addEventListener("focus", on);
      key.addEventListener("blur", off);
      key.addEventListener("click", pin);
      key.addEventListener("keydown", (e) => {
        if (e.key !== "Enter" && e.key !== " ") return;
        e.preventDefault();
        pin();
      });
    }
  };
  document.querySelectorAll("svg.plot").forEach(live);
  if ($("plots-data")) {
    const plots = read("plots-data");
    for (const p of plots) for (const s of p.series) for (const at of s.points) {
      const value = (v) => (p.percent ? (100 * v).toFixed(1) + " %" : short(v));
      at.says = `${at.column}: ${value(at.y)}` + (at.low < at.high ? ` (${value(at.low)} to ${value(at.high)})` : "") + `, ${p.x} ${short(at.x)}`;
    }
    zoomed({ el, tell: (text, over, x, y) => {
      tip.hidden = !text;
      if (!text) return;
      tip.textContent = text;
      const b = over.getBoundingClientRect(), own = tip.getBoundingClientRect();
      tip.style.left = Math.max(4, Math.min(b.left + x + 12, innerWidth - own.width - 4)) + "px";
      tip.style.top = Math.max(4, b.top + y - own.height - 12) + "px";
    } })($("plots"), plots);
  }
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  // --- the command ---
  if ($("copy")) $("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText($("command").textContent);
    } catch (e) {  // where the clipboard is not given to pages from files
      getSelection().selectAllChildren($("command"));
      document.execCommand("copy");
    }
    $("copied").textContent = "copied";
  });

  // --- the list of questions ---
  const facts = read("facts"), rows = read("rows");
  const [ID, SCENARIO, QUESTION, ANSWERS, METRIC, DRAWN, CELLS] = [0, 1, 2, 3, 4, 5, 6];
  const controls = /^(full|stock|random|grid|uniform|centre|downsample|oracle)/;
  const state = { a: 0, b: 0, list: [], page: 0, sort: null, down: false, open: -1, overlay: "kept", only: null };
  state.a = Math.max(0, facts.columns.findIndex((c) => c === "full"));
  state.b = facts.columns.findIndex((c, i) => i !== state.a && !controls.test(c));
  if (state.b < 0) state.b = Math.min(facts.columns.length - 1, state.a + 1);
  const a_page = 50;

  facts.columns.forEach((name, i) => {
    for (const id of ["column-a", "column-b"]) $(id).append(el("option", { value: i }, name));
  });
  $("column-a").value = state.a;
  $("column-b").value = state.b;
  facts.scenarios.forEach((name, i) => $("scenario").append(el("option", { value: i }, name || "none")));
  $("questions-about").textContent = `${facts.drawn} of ${rows.length} questions have their kept tokens in this page: `
    + `a sample drawn with seed ${facts.seed}, then questions that one column has right and another wrong`
    + (facts.drawn < facts.wanted ? `, until ${big(facts.most_bytes)}B were full` : "") + "."
    + (facts.pictures === 0 ? " The pictures were not found." : "")
    + (facts.missing > 0 && facts.pictures > 0 ? ` ${facts.missing} pictures were not found.` : "");

  const right = (cell) => cell && cell[0] !== null && cell[0] >= 0.5;
  const wrong = (cell) => cell && cell[0] !== null && cell[0] < 0.5;
  const verdicts = {
    "": () => true,
    disagree: (a, b) => (right(a) && wrong(b)) || (wrong(a) && right(b)),
    a1: (a) => right(a), a0: (a) => wrong(a), b1: (a, b) => right(b), b0: (a, b) => wrong(b),
    a1b0: (a, b) => right(a) && wrong(b), a0b1: (a, b) => wrong(a) && right(b),
    failed: (a, b) => (a && a.length > 3) || (b && b.length > 3),
  };
  const mark = (cell) => {
    if (!cell) return el("span", {}, "–");
    if (cell.length > 3) return el("span", { class: "bad" }, "! " + cell[3]);
    const [score, said] = cell;
    if (score === null) return el("span", {}, said === null ? "–" : said);
    const sign = score === 1 ? "✓ " : score === 0 ? "✗ " : short(score) + " ";
    return el("span", { class: right(cell) ? "good" : "bad" }, sign + (said === null ? "" : said));
  };
  const keys = [
    (q, i) => i, (q) => facts.scenarios[q[SCENARIO]], (q) => q[QUESTION], (q) => q[ANSWERS].join(" | "),
    (q) => score_of(q[CELLS][state.a]), (q) => score_of(q[CELLS][state.b]),
  ];
  const score_of = (cell) => (cell && cell[0] !== null ? cell[0] : -1);

  const choose = () => {
    compare_again();
    const scenario = $("scenario").value, words = $("words").value.toLowerCase(), fits = verdicts[$("verdict").value];
    const drawn = $("drawn").checked;
    state.list = [];
    rows.forEach((q, i) => {
      if (scenario !== "" && q[SCENARIO] !== +scenario) return;
      if (drawn && !q[DRAWN]) return;
      if (state.only && !state.only.has(i)) return;
      const a = q[CELLS][state.a], b = q[CELLS][state.b];
      if (!fits(a, b)) return;
      if (words && ![q[ID], q[QUESTION], ...q[ANSWERS], a && a[1], b && b[1]].some((t) => t && t.toLowerCase().includes(words))) return;
      state.list.push(i);
    });
    if (state.sort !== null) {
      const key = keys[state.sort];
      state.list.sort((x, y) => {
        const a = key(rows[x], x), b = key(rows[y], y);
        return (state.down ? -1 : 1) * (typeof a === "number" ? a - b : compare(a, b)) || x - y;
      });
    }
    state.page = 0;
    list();
    over_again();
  };
  const table = $("question-table");
  const list = () => {
    const pages = Math.max(1, Math.ceil(state.list.length / a_page));
    const head = table.tHead.rows[0].cells;
    head[4].firstChild.textContent = "A: " + facts.columns[state.a];
    head[5].firstChild.textContent = "B: " + facts.columns[state.b];
    table.tBodies[0].replaceChildren(...state.list.slice(state.page * a_page, (state.page + 1) * a_page).map((i) => {
      const q = rows[i];
      return el("tr", { class: i === state.open ? "open" : undefined, "data-question": i },
        el("th", { scope: "row" }, el("button", { type: "button", onclick: () => open(i) }, (q[DRAWN] ? "▣ " : "") + q[ID])),
        el("td", {}, facts.scenarios[q[SCENARIO]]), el("td", { title: q[QUESTION] }, q[QUESTION]),
        el("td", {}, q[ANSWERS].join(" | ")), el("td", {}, mark(q[CELLS][state.a])), el("td", {}, mark(q[CELLS][state.b])));
    }));
    const both = state.list.map((i) => [rows[i][CELLS][state.a], rows[i][CELLS][state.b]]);
    const count = (f) => both.filter(f).length;
    $("question-count").textContent = `${state.list.length} of ${rows.length} questions; A right ${count(([a]) => right(a))}, `
      + `B right ${count(([, b]) => right(b))}, A alone ${count(([a, b]) => right(a) && wrong(b))}, B alone ${count(([a, b]) => wrong(a) && right(b))}`;
    $("pages").hidden = pages === 1;
    $("page-now").textContent = `page ${state.page + 1} of ${pages}`;
    $("page-back").disabled = state.page === 0;
    $("page-on").disabled = state.page + 1 >= pages;
  };
  for (const name of ["Id", "Scenario", "Question", "Right", "A", "B"]) table.tHead.rows[0].append(el("th", { scope: "col" }, name));
  sortable(table, (column, down) => { state.sort = column; state.down = down; choose(); });
  const box = table.parentNode;
  for (const [id, step] of [["page-back", -1], ["page-on", 1]])
    $(id).addEventListener("click", () => { state.page += step; list(); box.scrollTop = 0; });
  for (const id of ["scenario", "verdict", "drawn"]) $(id).addEventListener("change", choose);
  $("words").addEventListener("input", choose);
  for (const [id, side] of [["column-a", "a"], ["column-b", "b"]])
    $(id).addEventListener("change", () => { state[side] = +$(id).value; choose(); if (state.open >= 0) draw(); });
  $("question-tools").addEventListener("submit", (e) => e.preventDefault());
  $("question-tools").hidden = table.hidden = false;

  // --- one question ---
  const detail = $("detail");
  const open = (i) => {
    state.open = i;
    list();
    draw();
    detail.hidden = false;
    detail.scrollIntoView({ block: "start" });
    detail.focus({ preventScroll: true });
  };
  const close = () => {
    detail.hidden = true;
    const row = table.querySelector(`tr[data-question="${state.open}"] button`);
    state.open = -1;
    list();
    if (row) (table.querySelector("tbody button") || row).focus();
  };
  const neighbour = (step) => {
    const at = state.list.indexOf(state.open), next = state.list[at + step];
    if (next === undefined) return;
    state.page = Math.floor((at + step) / a_page);
    open(next);
  };

  const viridis_points = [[68, 1, 84], [72, 40, 120], [62, 73, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37]];
  const viridis = (t) => {
    const x = Math.min(1, Math.max(0, t)) * 9, i = Math.min(8, Math.floor(x)), f = x - i;
    return viridis_points[i].map((v, k) => Math.round(v + (viridis_points[i + 1][k] - v) * f));
  };
  // Of a map that is the same everywhere: grey.
  const colors_of = (map, scale) => (v) => (map[0] === map[1] || !scale ? [136, 136, 136] : viridis((v - scale[0]) / (scale[1] - scale[0])));
  // Outlines of kept tokens by cause; the dash tells them apart too.
  const looks = {
    everything: ["#ffffff", []], score: ["#ffd400", []], random: ["#cfcfcf", [2, 2]], lattice: ["#4fc3ff", [6, 2]],
    centre: ["#7dff9b", [8, 3]], oracle: ["#ff8ad8", []], floor: ["#ff9350", [3, 3]], coverage: ["#a9b4ff", [7, 2, 2, 2]],
  };
  const look = (cause) => looks[cause] || ["#ffffff", [4, 2]];

  const token_at = (tokens, row, col) => {
    let best = -1;
    tokens.forEach(([r, c, h, w], i) => {
      if (row >= r && row < r + h && col >= c && col < c + w && (best < 0 || h * w < tokens[best][2] * tokens[best][3])) best = i;
    });
    return best;
  };

  const decoded = new Map();  // the last few pictures that were looked at
  const picture_of = async (id) => {
    if (!id) return null;
    if (!decoded.has(id)) {
      const image = new Image();
      image.src = $(id).textContent;
      decoded.set(id, image);
      if (decoded.size > 24) decoded.delete(decoded.keys().next().value);
    }
    const image = decoded.get(id);
    try { await image.decode(); } catch (e) { return null; }
    return image;
  };

  const hatch = (density) => {
    const side = Math.round(7 * density), c = el("canvas", { width: side, height: side }), g = c.getContext("2d");
    g.strokeStyle = "rgba(255,255,255,0.22)";
    g.lineWidth = density;
    for (const by of [-side, 0, side]) {
      g.moveTo(by, side);
      g.lineTo(by + side, 0);
    }
    g.stroke();
    return c;
  };

  // A picture under a column's tokens, and the token under the pointer.
  class View {
    constructor(side, info, kept, column, maps, scales, number) {
      Object.assign(this, { side, info, kept, column, maps, scales, cursor: null, image: null });
      this.tokens = tokens_of(kept);
      this.causes = kept.causes || [];
      this.place = new Map();
      if (kept.kept === "all") this.tokens.forEach((t, i) => this.place.set(i, -1));
      else (kept.kept || []).forEach((t, i) => this.place.set(t, i));
      this.canvas = el("canvas", { class: "picture", tabindex: "0", role: "img", "aria-label": `${side}: kept tokens on picture ${number + 1}; arrow keys move from token to token` });
      this.readout = el("p", { class: "readout", role: "status" }, "Point at a token, or move with the arrow keys.");
      this.canvas.addEventListener("pointermove", (e) => this.point(e));
      this.canvas.addEventListener("pointerdown", (e) => this.point(e));
      this.canvas.addEventListener("focus", () => { if (!this.cursor) this.go(0, 0); });
      this.canvas.addEventListener("keydown", (e) => {
        const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[e.key];
        if (!step) return;
        e.preventDefault();
        const [r, c] = this.cursor || [0, 0];
        this.go(Math.min(kept.grid[0] - 1, Math.max(0, Math.floor(r) + step[0])), Math.min(kept.grid[1] - 1, Math.max(0, Math.floor(c) + step[1])));
      });
      picture_of(info && info.id).then((image) => { this.image = image; this.paint(); });
      this.paint();
    }
    go(r, c) { this.move(r + 0.5, c + 0.5); if (this.twin) this.twin.follow(this); }
    point(e) {
      const b = this.canvas.getBoundingClientRect();
      this.move(((e.clientY - b.top) / b.height) * this.kept.grid[0], ((e.clientX - b.left) / b.width) * this.kept.grid[1]);
      if (this.twin) this.twin.follow(this);
    }
    follow(other) {  // the same place of the picture
      if (this.column.on_square !== other.column.on_square) return;
      this.move((other.cursor[0] / other.kept.grid[0]) * this.kept.grid[0], (other.cursor[1] / other.kept.grid[1]) * this.kept.grid[1]);
    }
    move(row, col) {
      this.cursor = [Math.min(this.kept.grid[0] - 1e-6, Math.max(0, row)), Math.min(this.kept.grid[1] - 1e-6, Math.max(0, col))];
      this.readout.textContent = this.says(...this.cursor);
      this.paint();
      if (this.moved && !this.column.on_square) this.moved(this.cursor[0] / this.kept.grid[0], this.cursor[1] / this.kept.grid[1]);
    }
    says(row, col) {
      const parts = [`row ${Math.floor(row)}, column ${Math.floor(col)}`], k = this.kept;
      const t = token_at(this.tokens, row, col), at = this.place.get(t);
      if (!this.kept.kept) parts.push("what was kept is not in the run (--keep-maps, --kept)");
      else if (t < 0) parts.push("no token");
      else if (at === undefined) parts.push("dropped");
      else if (at < 0) parts.push("kept: everything was");
      else {
        const cause = k.causes && k.causes[k.cause ? k.cause[at] : 0];
        parts.push("kept" + (cause ? `, cause: ${cause}` : ""));
        if (k.rank) parts.push(`rank ${k.rank[at]}`, `value ${short(k.value[at])}`);
        if (k.members && k.members[at].length > 1) parts.push(`made of ${k.members[at].length} tokens`);
        if (k.entry) parts.push(`joins before layer ${k.entry[at]}`);
        if (k.depth) parts.push(k.depth[at] < 0 ? "every DeepStack level" : `DeepStack levels ${[...Array(32).keys()].filter((l) => (k.depth[at] >> l) & 1).join(", ") || "none"}`);
      }
      const region = (k.regions || []).find(([r0, c0, r1, c1]) => row >= r0 && row < r1 && col >= c0 && col < c1);
      if (region) parts.push(`in a region of ${region[4]} tokens`);
      for (const m of this.maps) {
        const i = token_at(tokens_of(m.seen), row, col);
        if (i >= 0) parts.push(`${m.name} ${short(values_of(m.map)[i])}`);
      }
      return parts.join("; ");
    }
    paint() {
      const [rows, cols] = this.kept.grid, square = this.column.on_square;
      const size = this.info && this.info.size[0] ? this.info.size : [rows, cols];
      const ratio = square ? 1 : size[1] / size[0], density = Math.min(2, devicePixelRatio || 1);
      const w = Math.round(480 * density * Math.min(1, ratio)), h = Math.max(1, Math.round(w / ratio));
      const c = this.canvas, g = c.getContext("2d");
      if (c.width !== w || c.height !== h) { c.width = w; c.height = h; }
      c.style.maxWidth = w / density + "px";
      g.fillStyle = square ? "#7f7f7f" : "#dddddd";
      g.fillRect(0, 0, w, h);
      if (this.image) {
        const side = Math.max(size[0], size[1]), iw = square ? (size[1] / side) * w : w, ih = square ? (size[0] / side) * h : h;
        g.drawImage(this.image, (w - iw) / 2, (h - ih) / 2, iw, ih);
      }
      const rect = ([r, k, th, tw]) => [(k / cols) * w, (r / rows) * h, (tw / cols) * w, (th / rows) * h];
      const map = this.maps.find((m) => m.name === state.overlay);
      if (map) {
        const color = colors_of(map.map, this.scales.get(map.name)), values = values_of(map.map);
        tokens_of(map.seen).forEach((t, i) => {
          g.fillStyle = `rgba(${color(values[i])},0.66)`;
          g.fillRect(...rect(t));
        });
      } else if (this.kept.kept && this.kept.kept !== "all") {
        g.fillStyle = "rgba(18,20,26,0.72)";
        const dropped = this.tokens.filter((t, i) => !this.place.has(i));
        dropped.forEach((t) => g.fillRect(...rect(t)));
        g.fillStyle = g.createPattern(hatch(density), "repeat");  // dark pictures are dark where they are kept, too
        dropped.forEach((t) => g.fillRect(...rect(t)));
      }
      if (this.kept.kept && this.kept.kept !== "all") this.outline(g, rect, density);
      g.setLineDash([5 * density, 3 * density]);
      for (const [r0, c0, r1, c1] of this.boxes || []) {
        const b = [c0 * w, r0 * h, (c1 - c0) * w, (r1 - r0) * h];
        for (const [color, width] of [["#ffffff", 4], ["#d0006f", 2]]) {
          g.strokeStyle = color;
          g.lineWidth = width * density;
          g.strokeRect(...b);
        }
      }
      g.setLineDash([]);
      if (this.cursor) {
        const t = token_at(this.tokens, ...this.cursor), b = rect(t < 0 ? [Math.floor(this.cursor[0]), Math.floor(this.cursor[1]), 1, 1] : this.tokens[t]);
        for (const [color, width] of [["#000000", 5], ["#ffffff", 2.5]]) {
          g.strokeStyle = color;
          g.lineWidth = width * density;
          g.strokeRect(...b);
        }
      }
    }
    outline(g, rect, density) {
      for (const [t, at] of this.place) {
        const [color, dash] = look(this.causes[this.kept.cause ? this.kept.cause[at] : 0]);
        const [x, y, w, h] = rect(this.tokens[t]), in_by = density;
        for (const [c, d, width] of [["rgba(0,0,0,0.8)", [], 2.6], [color, dash, 1.4]]) {
          g.strokeStyle = c;
          g.setLineDash(d.map((v) => v * density));
          g.lineWidth = width * density;
          g.strokeRect(x + in_by, y + in_by, w - 2 * in_by, h - 2 * in_by);
        }
        if (this.kept.depth && this.kept.depth[at] >= 0) {  // not every level
          g.beginPath();
          g.moveTo(x, y + h);
          g.lineTo(x + w, y);
          g.stroke();
        }
      }
      g.setLineDash([]);
      for (const [r0, c0, r1, c1] of this.kept.regions || []) {
        g.strokeStyle = "#4fc3ff";
        g.lineWidth = 2 * density;
        g.strokeRect(...rect([r0, c0, r1 - r0, c1 - c0]));
      }
    }
  }

  const thumb = (m, scale) => {
    const [rows, cols] = m.seen.grid, c = el("canvas", { width: cols * 4, height: rows * 4, "aria-hidden": "true" }), g = c.getContext("2d");
    const values = values_of(m.map), color = colors_of(m.map, scale);
    tokens_of(m.seen).forEach(([r, k, h, w], i) => {
      g.fillStyle = `rgb(${color(values[i])})`;
      g.fillRect(k * 4, r * 4, w * 4, h * 4);
    });
    const button = el("button", { type: "button", "aria-pressed": String(state.overlay === m.name), title: "show it on the picture",
      onclick: () => { state.overlay = state.overlay === m.name ? "kept" : m.name; draw(); } }, c, el("span", { class: "small" }, m.name));
    const share = m.weight !== undefined ? (m.total > 0 ? m.weight / m.total : m.weight) : undefined;
    return el("figure", {}, button, el("figcaption", {}, m.map[0] === m.map[1] ? `${short(m.map[0])} everywhere` : `${short(m.map[0])} to ${short(m.map[1])}`,
      m.weight !== undefined ? el("span", {}, `; weight ${short(m.weight)}`, bar(share)) : null));
  };
  const bar = (share) => {
    const inside = el("i");
    inside.style.width = 100 * Math.min(1, Math.max(0, share)) + "%";
    return el("span", { class: "bar" }, inside);
  };

  const view = views({ el, short, live, open: (i) => { tip.hidden = true; open(i); }, look_at: (i) => read("q-" + i), name_of_column: (c) => facts.columns[c], control: /:query=(blank|other)/ });
  const channel_views = channels({ el, short, colors_of, sortable });
  // Reads every listed question that has its tokens in the page: when it is opened, and again when the list changes.
  let waits = 0;
  const over_again = () => {
    $("over").hidden = facts.drawn === 0;
    clearTimeout(waits);
    if (!$("over").open) return;
    waits = setTimeout(() => $("over-body").replaceChildren(...view.over(state.list.filter((i) => rows[i][DRAWN]), state.a, state.b, facts.columns, {
      score_of: (i, c) => { const cell = rows[i][CELLS][c]; return cell ? cell[0] : null; },
      scenario_of: (i) => rows[i][SCENARIO], id_of: (i) => rows[i][ID], scenarios: facts.scenarios })), 100);
  };
  $("over").addEventListener("toggle", over_again);

  // Two columns class by class: reckoned while it is open.
  let comparison = null;
  const compare_again = () => {
    $("ab").hidden = facts.columns.length < 2;
    if (!$("ab").open) return;
    comparison = comparison || protocol.view({ el, shape: view.shape, data: read("protocol"), names: facts.columns,
      cell: (i, c) => { const cell = rows[i][CELLS][c]; return cell && cell.length < 4 ? cell : null; }, lists: (only) => { state.only = only; } });
    comparison.draw($("ab-body"), state.a, state.b, (id) => { choose(); $(id).focus(); });
  };
  $("ab").addEventListener("toggle", () => { if (!$("ab").open) state.only = null; choose(); });

  const draw = () => {
    const q = rows[state.open], block = $("q-" + state.open), data = block ? JSON.parse(block.textContent) : null;
    const sides = [["A", state.a], ["B", state.b]];
    const count = data ? Math.max(data.pictures.length, ...sides.map(([, c]) => ((data.columns[c] || {}).pictures || []).length)) : 0;
    const scales = Array.from({ length: count }, () => new Map()), names = [];
    if (data) for (let p = 0; p < count; ++p)
      for (const [, c] of sides)
        for (const m of maps_of(data.columns[c], p, data.maps)) {
          if (!names.includes(m.name)) names.push(m.name);
          if (m.map[0] === m.map[1]) continue;  // says nothing, and would flatten the other column's
          const s = scales[p].get(m.name) || [Infinity, -Infinity];
          scales[p].set(m.name, [Math.min(s[0], m.map[0]), Math.max(s[1], m.map[1])]);
        }
    if (!names.includes(state.overlay)) state.overlay = "kept";
    const at = state.list.indexOf(state.open);
    const canvases = [[], []];
    const panels = sides.map(([side, c], n) => {
      const cell = q[CELLS][c], column = data && data.columns[c];
      const head = el("div", { class: `side head ${side.toLowerCase()}` }, el("h4", {}, `${side}: ${facts.columns[c]}`), el("p", {}, "Answer: ", mark(cell)));
      const panel = el("div", { class: `side body ${side.toLowerCase()}` });
      if (!cell) head.append(el("p", { class: "small" }, "This column did not ask the question."));
      if (!column) return [head, panel];
      if (column.extracted) head.append(el("p", { class: "small" }, `Read as: ${column.extracted}`));
      head.append(el("p", { class: "small" }, `${column.kept ?? cell[2]} of ${column.tokens ?? "–"} tokens`
        + (column.costs ? `; token-layers ${short(column.costs.token_layers)}; DeepStack additions ${column.costs.deepstack_additions}; prefill ${big(column.costs.prefill_flops)}FLOP; evidence ${big(column.costs.evidence_flops)}FLOP; KV ${big(column.costs.kv_bytes)}B` : "")
        + (column.loyal !== undefined ? (column.loyal ? "; says what full says" : "; does not say what full says") : "")
        + (column.stopped === false ? "; did not stop" : "")));
      head.append(el("p", { class: "small" }, el("code", {}, column.name)));
      (column.pictures || []).forEach((kept, p) => {
        const maps = maps_of(column, p, data.maps);
        const shown = new View(side, data.pictures[p], kept, column, maps, scales[p], p);
        shown.boxes = column.on_square ? [] : data.boxes[p];
        canvases[n][p] = shown;
        shown.paint();
        panel.append(shown.canvas, shown.readout);
        (column.decisions || []).forEach((d, k) => {
          const seen = d.pictures[p];
          if (!seen) return;
          const tensions = Object.entries(seen.tensions || {}).map(([name, v]) => `${name} ${short(v)}`).join(", ");
          panel.append(el("p", { class: "small" }, `Decision ${k + 1}: ${d.name} (${d.phase}${d.layer !== undefined ? ` ${d.layer}` : ""}${d.again ? ", again" : ""}), ${seen.left} left`
            + (tensions ? `; tensions: ${tensions}` : "")));
        });
        if (maps.length > 0) panel.append(el("div", { class: "thumbs" }, ...maps.map((m) => thumb(m, scales[p].get(m.name)))));
        panel.append(view.of_side(column, p, data.maps) || "");
      });
      return [head, panel];
    });
    canvases[0].forEach((v, p) => {
      if (!v || !canvases[1][p]) return;
      v.twin = canvases[1][p];
      canvases[1][p].twin = v;
    });
    const textures = Array.from({ length: count }, (_, p) => channel_views.of(data, p, sides));
    textures.forEach((list, p) => canvases.forEach((own) => {
      if (own[p]) own[p].moved = (row, col) => list.forEach((t) => t.follow(row, col));
    }));
    const causes = new Set(canvases.flat().flatMap((v) => v.causes));
    const overlay = el("select", { id: "overlay", onchange: () => { state.overlay = $("overlay").value; draw(); } },
      ...["kept", ...names].map((n) => el("option", { value: n, selected: n === state.overlay }, n === "kept" ? "kept tokens" : n)));
    const key = (cause) => {
      const i = el("i"), [color, dash] = look(cause);
      i.style.borderColor = color;
      i.style.borderStyle = dash.length ? "dashed" : "solid";
      return el("span", {}, i, `kept: ${cause}`);
    };
    const boxed = data && data.boxes.some((b) => b.length > 0);
    const scale = state.overlay !== "kept" && scales.length > 0 ? scales[0].get(state.overlay) : null;
    const every = el("details", {}, el("summary", {}, "What every column says"),
      el("div", { class: "wide-box" }, el("table", {}, el("tbody", {}, ...facts.columns.map((name, c) =>
        el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, mark(q[CELLS][c])), el("td", {}, q[CELLS][c] ? `${q[CELLS][c][2]} tokens` : "")))))));
    const was_open = detail.querySelector("details") && detail.querySelector("details").open;
    every.open = Boolean(was_open);
    const focused = detail.contains(document.activeElement) ? document.activeElement.id : "";
    detail.replaceChildren(...[
      el("div", { class: "tools" }, el("button", { type: "button", id: "before", disabled: at <= 0, onclick: () => neighbour(-1) }, "Before"),
        el("button", { type: "button", id: "after", disabled: at < 0 || at + 1 >= state.list.length, onclick: () => neighbour(1) }, "Next"),
        names.length > 0 ? el("label", {}, "On the picture", overlay) : null,
        el("button", { type: "button", id: "close", onclick: close }, "Close")),
      el("h3", {}, q[ID]), el("p", { class: "asked" }, q[QUESTION]),
      el("p", { class: "small" }, `Right: ${q[ANSWERS].join(" | ") || "–"} (${q[METRIC]}, ${facts.scenarios[q[SCENARIO]] || "no scenario"})`),
      data ? el("p", { class: "keys" }, ...[...causes].map(key), causes.size > 0 ? el("span", {}, "dark and hatched: dropped") : null,
        boxed ? (() => { const i = el("i"); i.style.borderColor = "#d0006f"; i.style.borderStyle = "dashed"; return el("span", {}, i, "the answer's boxes"); })() : null,
        scale ? el("span", {}, short(scale[0]) + " ", el("span", { class: "scale" }), " " + short(scale[1])) : null)
        : el("p", { class: "small" }, "Its picture and kept tokens are not in this page; arrcoc report --questions draws more."),
      el("div", { class: "sides" }, ...panels.map((p) => p[0]), ...panels.map((p) => p[1])),
      ...Array.from({ length: count }, (_, p) => view.pairs(data, p, state.a, state.b, facts.columns)), ...textures.flat().map((t) => t.node), every].filter(Boolean));
    if (focused && $(focused)) $(focused).focus({ preventScroll: true });
  };
  detail.addEventListener("keydown", (e) => { if (e.key === "Escape") close(); });
  choose();
})();
