// Views of figures: of one question's columns, and over the questions that are listed.
const views = ({ el, short, look_at, live, open, name_of_column, control }) => {
  const drawing = (w, h, label, ...inside) => {
    const svg = shape("svg", { viewBox: `0 0 ${w} ${h}`, width: w, height: h, role: "img", "aria-label": label });
    svg.append(...inside.filter(Boolean));
    return svg;
  };
  const shape = (tag, set, ...inside) => {
    const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [k, v] of Object.entries(set)) e.setAttribute(k, v);
    e.append(...inside);
    return e;
  };
  const write = (x, y, text, anchor = "start") => shape("text", { x, y, "text-anchor": anchor }, text);
  const figure = (name, svg, says) => el("figure", { class: "view", "data-view": name }, svg, el("figcaption", {}, says));
  const percent = (v) => `${(100 * v).toFixed(1)} %`;

  // --- one column of a question ---
  const split_view = (c) => {
    const s = figures.split(c);
    if (!s) return null;
    const low = Math.min(s.kept_box[0], s.dropped_box[0]), span = Math.max(s.kept_box[4], s.dropped_box[4]) - low || 1;
    const x = (v) => 56 + (176 * (v - low)) / span;
    const row = (name, values, [least, q1, middle, q3, most], y) => [
      write(0, y + 4, name),
      shape("path", { class: "dots", d: Array.from(values, (v, i) => `M${x(v).toFixed(1)} ${y + 12 + ((i * 7) % 5) * 2}h0`).join("") }),
      shape("path", { class: "whisker", d: `M${x(least)} ${y}H${x(most)}` }),
      shape("rect", { class: "quartiles", x: x(q1), y: y - 6, width: Math.max(1, x(q3) - x(q1)), height: 12 }),
      shape("path", { class: "middle", d: `M${x(middle)} ${y - 7}v14` })];
    const says = `Relevance, quartiles: kept ${short(s.kept_box[1])}, ${short(s.kept_box[2])}, ${short(s.kept_box[3])}; dropped `
      + `${short(s.dropped_box[1])}, ${short(s.dropped_box[2])}, ${short(s.dropped_box[3])}. A kept token lies above a dropped one in ${percent(s.above)}.`;
    return figure("split", drawing(240, 88, "Relevance of kept and of dropped tokens", ...row("kept", s.kept, s.kept_box, 14),
      ...row("dropped", s.dropped, s.dropped_box, 50), write(56, 86, short(low)), write(232, 86, short(low + span), "end")), says);
  };
  const decay_view = (c) => {
    const d = figures.decay(c);
    if (!d || d.values.length < 2) return null;
    const high = d.values[0], low = Math.min(0, d.values[d.values.length - 1]), span = high - low || 1;
    const x = (k) => 4 + (232 * k) / d.values.length, y = (v) => 66 - (60 * (v - low)) / span;
    const line = d.values.map((v, k) => `${k ? "L" : "M"}${x(k + 0.5).toFixed(1)} ${y(v).toFixed(1)}`).join("");
    const says = `Relevance from the highest on, cut at the ${d.count} tokens kept (marks: which)`
      + (d.first === null ? "." : `: the first ${d.count} hold ${percent(d.first)} of its sum, those kept ${percent(d.held)}.`);
    return figure("decay", drawing(240, 88, "Relevance, sorted", shape("path", { class: "axis", d: "M4 66H236" }), shape("path", { class: "line", d: line }),
      shape("path", { class: "cut", d: `M${x(d.count)} 4V78` }), shape("path", { class: "marks", d: d.at.map((k) => `M${x(k + 0.5).toFixed(1)} 69v7`).join("") }),
      write(x(0), 87, "1"), write(236, 87, String(d.values.length), "end")), says);
  };
  const coverage_view = (picture) => {
    const c = figures.coverage(picture);
    if (!c) return null;
    const cells = c.counts.flatMap((n, i) => {
      const x = 22 * (i % 4), y = 22 * Math.floor(i / 4);
      if (n === null) return [];
      return [shape("rect", { class: n > 0 ? "held" : "bare", x: x + 0.5, y: y + 0.5, width: 21, height: 21 }),
        shape("text", { class: n > 0 ? "on" : "", x: x + 11, y: y + 15, "text-anchor": "middle" }, String(n))];
    });
    return figure("coverage", drawing(88, 88, "Kept tokens by region", ...cells), `${c.held} of ${c.there} regions hold a kept token (${percent(c.share)}).`);
  };
  const of_side = (column, p, maps) => {
    const c = figures.choice(column, p, maps);
    const all = [split_view(c), decay_view(c), coverage_view(column.pictures[p])].filter(Boolean);
    return all.length > 0 ? el("div", { class: "views" }, ...all) : null;
  };

  // --- two columns of a question ---
  // A column, and what it keeps without its question or with another: [what, own column, control's column].
  const controls_of = (c, names) => {
    const plain = names[c].replace(control, ""), own = names.indexOf(plain);
    if (own < 0) return [];
    return names.flatMap((name, k) => {
      const is = name.match(control);
      return is && name.replace(control, "") === plain ? [[is[1] === "blank" ? "no question" : "another question", own, k]] : [];
    });
  };
  const grid_view = (grid, label, cells) => {
    const side = Math.min(14, Math.max(2, 168 / Math.max(...grid))), [rows, cols] = grid;
    const paths = new Map(), signs = [];  // a path for each look, as grids may be large
    for (const [[r, c, h, w], name, part, sign] of cells) {
      const look = `${name} ${part.toFixed(1)}`, [x, y] = [c, r].map((v) => +(v * side).toFixed(2));
      paths.set(look, `${paths.get(look) || ""}M${x} ${y}h${+(w * side).toFixed(2)}v${+(h * side).toFixed(2)}H${x}Z`);
      if (sign && side >= 8) signs.push(shape("text", { x: x + (w * side) / 2, y: y + (h * side) / 2 + 4, "text-anchor": "middle", class: part < 0.7 ? "" : "on" }, sign));
    }
    return drawing(Math.ceil(cols * side), Math.ceil(rows * side), label, shape("rect", { class: "ground", width: cols * side, height: rows * side }),
      ...[...paths].map(([look, d]) => shape("path", { class: look.split(" ")[0], "fill-opacity": look.split(" ")[1], d })), ...signs);
  };
  const pair_view = (what, b, words, with_shift) => {
    const token = (key) => key.split(",").map(Number);
    const cells = [[b.both, "both", ""], [b.added, "added", "+"], [b.removed, "removed", "−"]].flatMap(([keys, name, sign]) => keys.map((k) => [token(k), name, 1, sign]));
    const drawn = [grid_view(b.grid, "Tokens kept", cells)];
    let says = `${what}: ${b.both.length} kept by both (grey), ${b.added.length} ${words[0]} (+, orange), ${b.removed.length} ${words[1]} (−, blue); overlap ${b.overlap.toFixed(3)}`;
    if (b.shift && b.rank_correlation !== null) says += `; rank correlation of the relevance ${b.rank_correlation.toFixed(3)}`;
    if (with_shift && b.shift && b.shift.length > 0) {
      const most = Math.max(...b.shift.map(([, d]) => Math.abs(d)));
      if (most > 0) drawn.push(grid_view(b.grid, "Shift of the relevance", b.shift.map(([t, d]) =>
        [t, d > 0 ? "up" : "down", Math.abs(d) / most, Math.abs(d) > most / 3 ? (d > 0 ? "+" : "−") : ""])));
      says += `; mean shift ${short(b.mean_shift)}, at most ${short(most)} (right: up +, orange; down −, blue)`;
    }
    return el("figure", { class: "view pair", "data-view": "pair" }, ...drawn, el("figcaption", {}, says + "."));
  };
  const own_words = ["with the own question alone", "without it alone"];
  const pairs = (data, p, a, b, names) => {
    const of = (c) => data.columns[c], out = [], shown = new Set();  // A and B may be of one pipeline
    const direct = a === b ? null : figures.beside(of(a), of(b), p, data.maps);
    if (direct) out.push(pair_view("A beside B", direct, ["by A alone", "by B alone"], false));
    for (const [side, c] of a === b ? [["A", a]] : [["A", a], ["B", b]])
      for (const [what, own, k] of controls_of(c, names)) {
        const f = shown.has(k) ? null : figures.beside(of(own), of(k), p, data.maps);
        shown.add(k);
        if (f) out.push(pair_view(`${side}, its question beside ${what}`, f, own_words, true));
      }
    return out.length > 0 ? el("div", {}, el("h4", {}, "Side by side"), el("div", { class: "views" }, ...out)) : null;
  };

  // --- over the questions that are listed ---
  const add = (sums, name, side, value) => {
    if (value === null || value === undefined) return;
    if (!sums.has(name)) sums.set(name, {});
    (sums.get(name)[side] ??= []).push(value);
  };
  const head = (caption, names) => [el("caption", {}, caption), el("thead", {}, el("tr", {}, ...names.map((n) => el("th", { scope: "col" }, n))))];
  const boxed = (id, caption, names, rows) => el("div", { class: "wide-box", tabindex: "0", role: "region", "aria-label": caption },
    el("table", { id }, ...head(caption, names), el("tbody", {}, ...rows.map(([name, ...cells]) => el("tr", {}, el("th", { scope: "row" }, name), ...cells.map(([text, title, style]) => el("td", { title, style }, text)))))));
  const meant = (list) => (list ? [figures.mean(list).toFixed(3), `mean of ${list.length}`] : ["–"]);

  const gather = (questions, a, b, names, score_of) => {
    const sums = new Map(), order = [], correlations = new Map(), points = { A: [], B: [] }, tiers = { A: new Map(), B: new Map() }, regions = { A: [], B: [] };
    const sides = a === b ? [["A", a]] : [["A", a], ["B", b]];
    for (const q of questions) {
      const data = look_at(q);
      const count = Math.max(0, ...sides.map(([, c]) => ((data.columns[c] || {}).pictures || []).length));
      for (let p = 0; p < count; ++p) {
        const maps = [];
        for (const [side, c] of sides) {
          const column = data.columns[c];
          if (!column || !column.pictures || !column.pictures[p]) continue;
          const chosen = figures.choice(column, p, data.maps), split = figures.split(chosen), decay = figures.decay(chosen), cover = figures.coverage(column.pictures[p]);
          add(sums, "regions that hold a kept token, share", side, cover && cover.share);
          add(sums, "a kept token above a dropped one, chance", side, split && split.above);
          add(sums, "relevance held by the tokens kept, share", side, decay && decay.held);
          for (const [what, own, k] of controls_of(c, names)) {
            const f = figures.beside(data.columns[own], data.columns[k], p, data.maps);
            add(sums, `overlap with ${what}`, side, f && f.overlap);
            add(sums, `rank correlation of the relevance with ${what}`, side, f && f.rank_correlation);
          }
          for (const m of figures.maps_of(column, p, data.maps)) maps.push({ ...m, name: `${side}: ${m.name}` });
          regions[side].push(...(column.pictures[p].regions || []).map((r) => r[4]));
          const score = score_of(q, c), under = column.on_square || score === null ? null : figures.under_boxes(column.pictures[p], data.boxes[p] || []);
          for (const cell of under || []) add(tiers[side], cell.join("\n"), "scores", score);
          (column.decisions || []).forEach((d) => {
            const tensions = d.pictures[p] && d.pictures[p].tensions;
            if (tensions) points[side].push({ q, tensions });
          });
        }
        const f = a === b ? null : figures.beside(data.columns[a], data.columns[b], p, data.maps);
        add(sums, "overlap of A and B", "A", f && f.overlap);
        for (const m of maps) if (!order.includes(m.name)) order.push(m.name);
        maps.forEach((x, i) => maps.slice(0, i).forEach((y) => add(correlations, `${x.name}\n${y.name}`, "A", figures.map_correlation(x, y))));
      }
    }
    for (const [side] of sides) {  // hedging: neither the least tier nor the most
      const used = [...new Set(regions[side])].sort((x, y) => x - y);
      if (used.length > 2) regions[side].forEach((t) => add(sums, "regions of a middle tier, share", side, t > used[0] && t < used.at(-1) ? 1 : 0));
    }
    return { sums, order, correlations, points, sides, tiers };
  };

  // Every scorer of every column, once: columns that have the same maps of it everywhere share it. Of controls and changed
  // pictures none: other questions' maps, and other cells.
  const apart = /:(query|picture)=/;
  const all_scorers = (questions, names) => {
    const seen_by = new Map(), places = [];  // scorer of a column -> its maps by place; a place is a picture of a question
    for (const q of questions) {
      const data = look_at(q), own = new Map();
      for (const [c, column] of Object.entries(data.columns))
        if (!apart.test(names[c])) (column.decisions || []).forEach((d, n) => d.pictures.forEach((seen, p) => (seen && seen.maps || []).forEach((m, k) => {
          const key = `${c} ${n} ${k}`;
          if (!seen_by.has(key)) seen_by.set(key, { name: d.scorers[k] || `map ${k + 1}`, column: names[c], where: column.decisions.length > 1 ? `, decision ${n + 1}` : "", maps: new Map() });
          seen_by.get(key).maps.set(`${q} ${p}`, `${m} ${(seen.at || []).join()} ${JSON.stringify(seen.places || 0)}`);
          if (!own.has(p)) own.set(p, new Map());
          own.get(p).set(key, { seen, map: data.maps[m] });
        })));
      places.push(...own.values());
    }
    const scorers = new Map(), of = new Map();  // what its maps are -> { name, column, where, count }
    for (const [key, s] of seen_by) {
      const sign = s.name + "\n" + [...s.maps].map((m) => m.join()).join("\n");
      if (!scorers.has(sign)) scorers.set(sign, { ...s, columns: [] });
      scorers.get(sign).columns.push(s.column);
      of.set(key, sign);
    }
    const order = [...scorers.keys()], sums = new Map();
    for (const place of places) {
      const maps = new Map();
      for (const [key, m] of place) if (!maps.has(of.get(key))) maps.set(of.get(key), m);
      const list = [...maps];
      list.forEach(([x, m], i) => list.slice(0, i).forEach(([y, o]) => add(sums, `${order.indexOf(x)} ${order.indexOf(y)}`, "A", figures.map_correlation(m, o))));
    }
    const twice = (name) => [...scorers.values()].filter((s) => s.name === name).length > 1;
    const label = (s) => s.name + (twice(s.name) ? ` (${s.column}${s.where})` : "");
    const cell = (i, j) => {
      if (i === j) return ["1"];
      const list = (sums.get(`${i} ${j}`) || sums.get(`${j} ${i}`) || {}).A;
      if (!list) return ["–"];
      const r = figures.mean(list), strength = (0.5 * Math.abs(r)).toFixed(3);
      return [r.toFixed(2), `${r.toFixed(3)}, mean of ${list.length}`, `background:rgba(${r > 0 ? "196,78,0" : "0,114,178"},${strength})`];
    };
    return { labels: order.map((x) => label(scorers.get(x))), columns: order.map((x) => scorers.get(x).columns), cell };
  };
  const scorers_view = (questions, names) => {
    const s = all_scorers(questions, names), n = s.labels.length;
    if (n < 2) return [];
    const rows = s.labels.map((name, i) => [name, ...s.labels.map((_, j) => s.cell(i, j)), [String(s.columns[i].length), s.columns[i].join(", ")]]);
    return [boxed("over-scorers", `Rank correlation of all ${n} scorers' maps, mean over pictures (orange: alike, blue: opposed)`, ["scorer", ...s.labels, "columns"], rows)];
  };

  const few = 20;
  const levels = (bits) => (bits === null ? "dropped" : bits < 0 ? "all levels" : bits === 0 ? "no level" : "level " + [...Array(31).keys()].filter((l) => (bits >> l) & 1).join(", "));
  // [tier, depth] -> scores of the questions whose tokens fell there.
  const tier_view = (side, name, cells) => {
    const keys = [...cells.keys()].map((k) => k.split("\n").map((v) => (v === "" ? null : +v)));
    const different = (k) => [...new Set(keys.map((key) => key[k]))], by = (x, y) => (x === null) - (y === null) || x - y;
    const depths = different(1).sort((x, y) => by(x, y)), tiers = different(0).sort(by);
    const text = (tier, depth) => {
      const at = cells.get([tier, depth].join("\n"));
      if (!at) return ["–"];
      const n = at.scores.length, says = `${percent(figures.mean(at.scores))} of ${n}`;
      return n < few ? [`(${says})`, `fewer than ${few} tokens`] : [says];
    };
    return boxed(`over-tiers-${side.toLowerCase()}`, `${side}: ${name}. Tokens under the answer's boxes by tier and depth: share right of their questions, of how many tokens; in brackets where they are fewer than ${few}`,
      ["region's tokens", ...depths.map(levels)], tiers.map((t) => [t === null ? "no regions" : String(t), ...depths.map((d) => text(t, d))]));
  };

  const looks = 6, marks = ["M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z", "M-3.6-3.6H3.6V3.6H-3.6Z", "M0-4.8L4.6 3.4H-4.6Z", "M0-5L5 0L0 5L-5 0Z", "M0 4.8L4.6-3.4H-4.6Z", "M-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3Z", "M-4.8 0L0-3L4.8 0L0 3Z"];
  const scatter = (points, x_name, y_name, scenario_of, id_of, names) => {
    const used = points.filter((t) => x_name in t.tensions && y_name in t.tensions);
    const axis = (name, from, to) => {
      const v = used.map((t) => t.tensions[name]), low = Math.min(...v), high = Math.max(...v), room = 0.06 * (high - low) || 0.05;
      const step = 10 ** Math.floor(Math.log10(high - low + 2 * room)) / 2, ticks = [];
      for (let t = Math.ceil((low - room) / step); t * step <= high + room; ++t) ticks.push(t * step);
      const few = ticks.filter((_, i) => i % Math.ceil(ticks.length / 7) === 0);
      return { at: (t) => from + ((t - low + room) / (high - low + 2 * room)) * (to - from), ticks: few };
    };
    const xs = axis(x_name, 52, 400), ys = axis(y_name, 300, 30), kinds = [...new Set(used.map((t) => scenario_of(t.q)))].sort((a, b) => a - b);
    const svg = shape("svg", { viewBox: `0 0 420 ${352 + 18 * kinds.length}`, class: "plot scatter", role: "group", "aria-label": `${y_name} against ${x_name}` });
    svg.append(write(12, 16, y_name), write(226, 336, x_name, "middle"));
    for (const t of ys.ticks) svg.append(shape("path", { class: "grid", d: `M52 ${ys.at(t)}H400` }), write(46, ys.at(t) + 4, short(t), "end"));
    for (const t of xs.ticks) svg.append(shape("path", { class: "grid", d: `M${xs.at(t)} 30V300` }), write(xs.at(t), 316, short(t), "middle"));
    svg.append(shape("path", { class: "axis", d: "M52 30V300H400" }));
    const mark = (kind, x, y) => shape("path", { class: "m", d: marks[kind % marks.length], transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` });
    kinds.forEach((kind, k) => {
      const group = shape("g", { class: `series c${k % looks}`, "data-series": k });
      for (const t of used.filter((u) => scenario_of(u.q) === kind)) {
        const [x, y] = [t.tensions[x_name], t.tensions[y_name]];
        const point = shape("g", { class: "point", role: "button", "data-question": t.q, "aria-label": `${id_of(t.q)}: ${x_name} ${short(x)}, ${y_name} ${short(y)}` }, mark(k, xs.at(x), ys.at(y)));
        point.addEventListener("click", () => open(t.q));
        point.addEventListener("keydown", (e) => { if (e.key === "Enter") open(t.q); });
        group.append(point);
      }
      svg.append(group);
    });
    kinds.forEach((kind, k) => svg.append(shape("g", { class: `key c${k % looks}`, "data-series": k }, mark(k, 62, 352 + 18 * k), write(74, 356 + 18 * k, names[kind] || "none"), shape("title", {}, names[kind] || "none"))));
    live(svg);
    return svg;
  };

  const chosen = { side: "", x: "", y: "" };  // of the scatter
  const tension_view = (g, scenario_of, id_of, scenarios) => {
    const sides = g.sides.filter(([side]) => g.points[side].length > 0), box = el("div", {});
    if (sides.length === 0) return null;
    const fill = () => {
      if (!sides.some(([side]) => side === chosen.side)) chosen.side = sides[0][0];
      const points = g.points[chosen.side], names = [...new Set(points.flatMap((t) => Object.keys(t.tensions)))];
      const moves = (n) => new Set(points.map((t) => t.tensions[n])).size > 1, first = [...names.filter(moves), ...names.filter((n) => !moves(n))];
      if (!names.includes(chosen.x)) chosen.x = first[0];
      if (!names.includes(chosen.y)) chosen.y = first[Math.min(1, first.length - 1)];
      const list = (id, text, entries, key) => el("label", {}, text, el("select", { id, onchange: (e) => { chosen[key] = e.target.value; fill(); box.querySelector("#" + id).focus(); } },
        ...entries.map(([value, name]) => el("option", { value, selected: value === chosen[key] }, name))));
      box.replaceChildren(el("h4", {}, "Tensions of the balancer"), el("div", { class: "tools" },
        list("tension-side", "Column", sides.map(([side, c]) => [side, `${side}: ${name_of_column(c)}`]), "side"),
        list("tension-x", "Across", names.map((n) => [n, n]), "x"), list("tension-y", "Up", names.map((n) => [n, n]), "y")),
      scatter(points, chosen.x, chosen.y, scenario_of, id_of, scenarios),
      el("p", { class: "small" }, `${chosen.side}: ${name_of_column(sides.find(([side]) => side === chosen.side)[1])}. A point is a decision about a picture; a click, or Enter, opens its question.`));
    };
    fill();
    return box;
  };

  const over = (questions, a, b, names, { score_of, scenario_of, id_of, scenarios }) => {
    const g = gather(questions, a, b, names, score_of), out = [], two = g.sides.length > 1;
    const about = el("p", { class: "small" }, `${questions.length} of the questions listed have their tokens in this page.`
      + (two ? ` A: ${names[a]}; B: ${names[b]}.` : ` A: ${names[a]}.`) + " Means over their pictures; a cell's title says how many have the figure.");
    if (g.sums.size > 0) out.push(boxed("over-figures", "Figures of the tokens kept, mean", ["figure", "A", ...(two ? ["B"] : [])],
      [...g.sums].map(([name, s]) => [name, meant(s.A), ...(two ? [meant(s.B)] : [])])));
    const related = (x, y) => (x === y ? ["1"] : meant(((g.correlations.get(`${x}\n${y}`) || g.correlations.get(`${y}\n${x}`)) || {}).A));
    if (g.order.length > 1) out.push(boxed("over-maps", "Rank correlation (Spearman) of the maps, mean", ["map", ...g.order], g.order.map((x) => [x, ...g.order.map((y) => related(x, y))])));
    out.push(...scorers_view(questions, names));
    for (const [side, c] of g.sides) if (g.tiers[side].size > 0) out.push(tier_view(side, names[c], g.tiers[side]));
    const tensions = tension_view(g, scenario_of, id_of, scenarios);
    return [about, ...out, ...(tensions ? [tensions] : [])];
  };

  return { of_side, pairs, over, shape };
};
