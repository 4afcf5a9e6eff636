// Two columns on as many questions of each class: the rules of `arrcoc compare --protocol` (ab_protocol.cpp, measure/statistics.hpp).
const protocol = (() => {
  const z95 = 1.959963984540054, z80 = 0.8416212335729143, exact_signs = 2000;
  const sum = (v) => v.reduce((x, y) => x + y, 0);
  const erfc = (x) => {  // x >= 0: the series, then the continued fraction
    if (x < 2.5) {
      let term = x, all = x;
      for (let n = 1; n < 90; ++n) { term *= (-x * x) / n; all += term / (2 * n + 1); }
      return 1 - (2 / Math.sqrt(Math.PI)) * all;
    }
    let below = 0;
    for (let k = 80; k > 0; --k) below = k / 2 / (x + below);
    return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + below);
  };
  // P(|T| <= |t|) of Student's t: Abramowitz and Stegun 26.7.3 and 26.7.4.
  const student_within = (t, n) => {
    const angle = Math.atan(Math.abs(t) / Math.sqrt(n)), c2 = n / (n + t * t), odd = n % 2 === 1;
    let term = odd ? Math.sqrt(c2) : 1, all = n === 1 ? 0 : term;
    for (let k = odd ? 3 : 2; k <= n - 2; k += 2) { term *= (c2 * (k - 1)) / k; all += term; }
    const inside = Math.sin(angle) * all;
    return Math.min(1, odd ? ((angle + inside) * 2) / Math.PI : inside);
  };
  const student95 = (degrees) => {
    let low = z95, high = 12.8;
    for (let i = 0; i < 60; ++i) {
      const middle = (low + high) / 2;
      if (student_within(middle, degrees) < 0.95) low = middle;
      else high = middle;
    }
    return high;
  };
  // [value, picture] -> lists of values by picture.
  const by_picture = (values) => {
    const groups = new Map();
    for (const [v, picture] of values) groups.set(picture, [...(groups.get(picture) || []), v]);
    return [...groups.values()];
  };
  const spread_of = (groups) => {
    const all = groups.flat(), n = all.length, g = groups.length, mean = n ? sum(all) / n : 0;
    const within = sum(all.map((x) => (x - mean) ** 2)), between = sum(groups.map((p) => sum(p.map((x) => x - mean)) ** 2));
    if (n < 2 || g < 2) return { n, mean, variance: 0, effective: n ? g : 0 };
    const effective = within > 1e-12 * n ? n / Math.max(1, ((g / (g - 1)) * between * (n - 1)) / (n * within)) : g;
    return { n, mean, variance: within / (n - 1), effective };
  };
  const sign_flip_p = (totals) => {
    const all = sum(totals), most = sum(totals.map(Math.abs));
    if (all === 0) return 1;
    if (most > exact_signs) return erfc(Math.abs(all) / Math.sqrt(2 * sum(totals.map((t) => t * t))));
    let ways = new Float64Array(2 * most + 1);
    ways[most] = 1;
    for (const t of totals.map(Math.abs).filter((x) => x > 0)) {
      const next = new Float64Array(ways.length);
      ways.forEach((w, i) => { if (w > 0) { next[i - t] += w / 2; next[i + t] += w / 2; } });
      ways = next;
    }
    return Math.min(1, sum(Array.from(ways).filter((_, i) => Math.abs(i - most) >= Math.abs(all))));
  };
  const held = (low, high) => [Math.max(-1, low), Math.min(1, high)];
  const paired = (differences) => {
    const groups = by_picture(differences), s = spread_of(groups), all = groups.flat();
    const out = { n: s.n, difference: s.mean, interval: [-1, 1], p: 1, detectable: null };
    if (s.n === 0) return out;
    if (s.variance > 0) out.detectable = Math.min(1, (z95 + z80) * Math.sqrt(s.variance / s.effective));
    if (all.every((d) => d === 0 || d === 1 || d === -1)) {
      const n = s.effective, share = (wanted) => ((n / s.n) * all.filter((d) => d === wanted).length + 1) / (n + 2);
      const a = share(1), b = share(-1), half = z95 * Math.sqrt((a + b - (a - b) ** 2) / (n + 2));
      out.interval = held(a - b - half, a - b + half);
      out.p = sign_flip_p(groups.map(sum));
    } else if (s.n > 1 && s.effective >= 2) {
      const error = Math.sqrt(s.variance / s.effective);
      out.interval = held(s.mean - z95 * error, s.mean + z95 * error);
      out.p = error > 0 ? erfc(Math.abs(s.mean) / error / Math.SQRT2) : s.mean === 0 ? 1 : 0;
    }
    return out;
  };
  const holm = (list) => {
    let most = 0;
    [...list].sort((x, y) => x.p - y.p).forEach((c, k) => { most = Math.max(most, Math.min(1, (list.length - k) * c.p)); c.p = most; });
  };
  // Every class alike; a picture's questions of all classes stand or fall together.
  const mean_of = (classes) => {
    const scored = classes.filter((c) => c.n > 0), parts = new Map(), count = scored.length;
    if (count === 0) return null;
    const out = { difference: sum(scored.map((c) => c.difference)) / count, interval: [-1, 1], p: 1 };
    for (const c of scored) for (const [d, picture] of c.differences) parts.set(picture, (parts.get(picture) || 0) + (d - c.difference) / (count * c.n));
    const g = parts.size;
    if (g < 2) return out;
    const error = Math.sqrt((g / (g - 1)) * sum([...parts.values()].map((x) => x * x)));
    if (error > 1e-12) {
      const half = student95(g - 1) * error;
      out.interval = held(out.difference - half, out.difference + half);
      out.p = 1 - student_within(out.difference / error, g - 1);
    } else {
      out.interval = [0, 1].map((k) => sum(scored.map((c) => c.interval[k])) / count);
      out.p = out.difference === 0 ? 1 : 2 ** (1 - g);
    }
    return out;
  };

  // data: of the page; cell(question, column): [score, ...], null where it has no answer. Null where one of the two was
  // asked something else, or no question is in both.
  const of = (data, a, b, wanted, cell) => {
    if (data.asks_else.includes(a) || data.asks_else.includes(b)) return null;
    const turns = data.of.map((_, i) => i).filter((i) => cell(i, a) && cell(i, b)).sort((x, y) => data.turn[x] - data.turn[y]);
    if (turns.length === 0) return null;
    const classes = data.classes.map((name, k) => {
      const own = turns.filter((i) => data.of[i] === k), drawn = own.slice(0, wanted);
      const scored = drawn.filter((i) => cell(i, a)[0] !== null && cell(i, b)[0] !== null);
      const differences = scored.map((i) => [cell(i, b)[0] - cell(i, a)[0], data.picture[i]]);
      const right = (c) => (scored.length ? sum(scored.map((i) => cell(i, c)[0])) / scored.length : null);
      const inked = drawn.filter((i) => data.ink[i][a] !== null && data.ink[i][b] !== null);
      const ink = inked.length ? sum(inked.map((i) => data.ink[i][b] - data.ink[i][a])) / inked.length / 1000 : null;
      return { name, there: own.length, drawn, differences, a: right(a), b: right(b), ink, ...paired(differences) };
    });
    holm(classes.filter((c) => c.n > 0));
    return { classes, mean: mean_of(classes) };
  };

  // --- the view ---
  const view = ({ el, shape, data, names, cell, lists }) => {
    const state = { wanted: data.per_class, only: false };
    const points = (v) => (100 * v).toFixed(1);
    const td = (text, value) => el("td", { "data-v": value === null ? undefined : value }, text);
    const number = (v, text = points) => (v === null || v === undefined ? td("–", null) : td(text(v), v));
    const p_text = (p) => (p < 0.001 ? "< 0.001" : p.toFixed(3));
    const range = ([low, high]) => td(`${points(low)} … ${points(high)}`, low);
    const drawing = (t) => {
      const lines = [...t.classes.filter((c) => c.n > 0), ...(t.mean ? [{ name: "mean", ...t.mean }] : [])];
      const most = Math.max(0.05, ...lines.flatMap((c) => c.interval.map(Math.abs))), x = (v) => 240 + (145 * v) / most;
      const text = (at, y, what, anchor) => shape("text", { x: at, y, "text-anchor": anchor }, what), end = 26 * lines.length + 12;
      const svg = shape("svg", { viewBox: `0 0 420 ${end + 30}`, class: "plot protocol", role: "img", "aria-label": "B minus A by class, percentage points, with 95 % intervals" });
      svg.append(shape("path", { class: "axis", d: `M${x(0)} 6V${end}` }));
      for (const v of [-most, 0, most]) svg.append(text(x(v), end + 14, v === 0 ? "0" : points(v), "middle"));
      svg.append(text(x(-most), end + 28, "A better", "start"), text(x(most), end + 28, "B better", "end"));
      lines.forEach((c, k) => {
        const y = 20 + 26 * k, sure = c.interval[0] > 0 || c.interval[1] < 0;
        svg.append(text(78, y + 4, c.name, "end"), shape("path", { class: "range", d: `M${x(c.interval[0]).toFixed(1)} ${y}H${x(c.interval[1]).toFixed(1)}` }),
          shape("path", { class: sure ? "sure" : "unsure", d: c.name === "mean" ? `M${x(c.difference) - 6} ${y}l6-6l6 6l-6 6Z` : `M${x(c.difference) - 4.5} ${y}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0Z` }));
      });
      return lines.length > 0 ? svg : "";
    };
    const table = (t) => {
      const head = [["class"], ["questions", "drawn"], ["scored", "by both"], ["A %"], ["B %"], ["B − A", "percentage points, paired"], ["95 %"], ["p (Holm)", "over the classes"],
        ["detectable", "a difference that so many questions would show with 80 % power at 5 %"], ["ink, B − A", "percentage points of the ink kept"]];
      const rows = t.classes.map((c) => el("tr", {}, el("th", { scope: "row" }, c.name), number(c.drawn.length, String), number(c.n, String), number(c.a), number(c.b),
        ...(c.n > 0 ? [number(c.difference), range(c.interval), number(c.p, p_text)] : [td("–", null), td("–", null), td("–", null)]), number(c.detectable), number(c.ink)));
      const dash = () => td("", null);
      if (t.mean) rows.push(el("tr", {}, el("th", { scope: "row", title: "of the classes' differences, each class alike" }, "mean"), dash(), dash(), dash(), dash(),
        number(t.mean.difference), range(t.mean.interval), number(t.mean.p, p_text), dash(), dash()));
      return el("div", { class: "wide-box", tabindex: "0", role: "region", "aria-label": "Classes of questions" }, el("table", { id: "ab-table" },
        el("caption", {}, "As many questions of each class"), el("thead", {}, el("tr", {}, ...head.map(([name, title]) => el("th", { scope: "col", title }, name)))), el("tbody", {}, ...rows)));
    };
    const quoted = (name) => `'${name.replaceAll("'", "'\\''")}'`;
    // Into `box`, for columns a and b; `again`: what was chosen here has changed.
    const draw = (box, a, b, again) => {
      const t = a === b ? null : of(data, a, b, state.wanted, cell), out = [];
      lists(t && state.only ? new Set(t.classes.flatMap((c) => c.drawn)) : null);
      const wanted = el("input", { id: "ab-wanted", type: "number", min: "1", max: "100000", value: state.wanted, onchange: (e) => { state.wanted = Math.max(1, Math.round(+e.target.value) || data.per_class); again("ab-wanted"); } });
      const only = el("input", { id: "ab-only", type: "checkbox", checked: state.only, onchange: (e) => { state.only = e.target.checked; again("ab-only"); } });
      out.push(el("div", { class: "tools" }, el("label", {}, "Questions of each class", wanted), el("label", { class: "check" }, only, " list these alone")),
        el("p", { class: "small" }, `A: ${names[a]}; B: ${names[b]}.`));
      if (!t) return box.replaceChildren(...out, el("p", {}, a === b ? "A and B are one column." : "A and B have no question in common, or one of them was asked another."));
      const few = t.classes.filter((c) => c.drawn.length < state.wanted);
      out.push(el("div", { class: "ab-sides" }, drawing(t), table(t)));
      if (few.length > 0) out.push(el("p", { class: "small" }, `Fewer than ${state.wanted} of a class: ${few.map((c) => `${c.name} ${c.drawn.length}`).join(", ")}.`));
      out.push(el("p", { class: "small" }, "Drawn by seed 0 and the questions' ids; the same, with each question and both answers: ",
        el("code", {}, `arrcoc compare RUN --columns ${quoted(`${names[a]},${names[b]}`)} --protocol --per-class ${state.wanted} --csv FILE`)));
      box.replaceChildren(...out);
    };
    return { draw };
  };
  return { of, view };
})();
