// The channels of a picture's texture as small multiples, and an inspector: every channel's value at the cell pointed at.
const channels = ({ el, short, colors_of, sortable }) => {
  // Textures by which columns chose among a picture's tokens: [texture, what a decision saw, sides].
  const used = (data, p, sides) => {
    const out = [];
    for (const [side, c] of sides)
      for (const d of (data.columns[c] && data.columns[c].decisions) || []) {
        const seen = d.pictures[p], texture = seen && (data.textures || [])[seen.texture];
        if (!texture) continue;
        const known = out.find((u) => u[0] === texture);
        if (!known) out.push([texture, seen, [side]]);
        else if (!known[2].includes(side)) known[2].push(side);
      }
    return out;
  };

  const drawing = (values, map, [rows, cols]) => {
    const side = Math.max(1, Math.floor(120 / Math.max(rows, cols))), c = el("canvas", { width: cols * side, height: rows * side, "aria-hidden": "true" });
    const g = c.getContext("2d"), color = colors_of(map, [map[0], map[1]]);
    values.forEach((v, i) => {
      g.fillStyle = `rgb(${color(v)})`;
      g.fillRect((i % cols) * side, Math.floor(i / cols) * side, side, side);
    });
    return c;
  };

  // A name may go on in the next line behind an underscore.
  const breaks = (name) => name.split("_").flatMap((part, i) => (i ? ["_", el("wbr"), part] : [part]));

  const view = ([texture, seen, sides], relevances, maps) => {
    const [rows, cols] = seen.grid, all = texture.channels.map((name, i) => {
      const map = maps[texture.maps[i]], values = figures.values_of(map);
      return { name, map, values, mean: figures.mean(values), ranks: figures.ranks(values) };
    });
    const related = relevances.map(([side, choice]) => [side, all.map((c) => figures.spearman(c.values, choice))]);
    const marks = [], status = el("p", { class: "readout", role: "status" }, "Point at a cell, or move with the arrow keys.");
    const grid = el("div", { class: "channel-grid", tabindex: "0", role: "group", "aria-label": `${all.length} channels; arrow keys move from cell to cell` },
      ...all.map((c) => {
        const mark = el("i", { class: "cell-mark", hidden: true }), box = el("div", { class: "channel" }, drawing(c.values, c.map, seen.grid), mark);
        marks.push(mark);
        const at = (e) => {
          const b = box.getBoundingClientRect();
          go(Math.floor(((e.clientY - b.top) / b.height) * rows), Math.floor(((e.clientX - b.left) / b.width) * cols));
        };
        box.addEventListener("pointermove", at);
        box.addEventListener("pointerdown", at);
        return el("figure", {}, box, el("figcaption", {}, el("b", {}, ...breaks(c.name)), ` ${short(c.map[0])} to ${short(c.map[1])}`));
      }));
    const names = ["channel", "here", "rank %", ...related.map(([side]) => `ρ ${side}`), "least", "mean", "most"];
    const titles = ["", "value at the cell", "share of the cells below it, equal ones half", ...related.map(([side]) => `Spearman's correlation with the relevance of ${side}'s last choice`)];
    const here = all.map(() => el("td", {}, "–")), below = all.map(() => el("td", {}, "–"));
    const number = (v) => el("td", { "data-v": v === null ? "" : v }, v === null ? "–" : short(v));
    const lines = all.map((c, i) => el("tr", {}, el("th", { scope: "row" }, c.name), here[i], below[i],
      ...related.map(([, r]) => el("td", { "data-v": r[i] === null ? "" : r[i] }, r[i] === null ? "–" : r[i].toFixed(3))), number(c.map[0]), number(c.mean), number(c.map[1])));
    const body = el("tbody", {}, ...lines);
    const table = el("table", { class: "inspector" }, el("thead", {}, el("tr", {}, ...names.map((n, i) => el("th", { scope: "col", title: titles[i] || undefined }, n)))), body);
    sortable(table, (column, down) => {
      const key = (line) => (column === 0 ? lines.indexOf(line) : parseFloat(line.cells[column].dataset.v));
      body.append(...lines.slice().sort((a, b) => {
        const x = key(a), y = key(b);
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
        return down ? y - x : x - y;
      }));
    });
    let cursor = null;
    const go = (r, c) => {
      cursor = [Math.min(rows - 1, Math.max(0, r)), Math.min(cols - 1, Math.max(0, c))];
      const i = cursor[0] * cols + cursor[1], n = rows * cols;
      for (const mark of marks) {
        mark.hidden = false;
        for (const [what, v] of [["top", cursor[0] / rows], ["left", cursor[1] / cols], ["height", 1 / rows], ["width", 1 / cols]]) mark.style[what] = 100 * v + "%";
      }
      const shares = all.map((c, k) => {
        const share = c.map[0] === c.map[1] ? null : (c.ranks[i] + 0.5) / n;
        for (const [cell, v, text] of [[here[k], c.values[i], short(c.values[i])], [below[k], share, share === null ? "–" : (100 * share).toFixed(0)]]) {
          cell.textContent = text;
          cell.dataset.v = v === null ? "" : v;
        }
        return [c.name, share];
      }).filter(([, share]) => share !== null).sort((a, b) => b[1] - a[1]);
      const say = ([name, share]) => `${name} (${(100 * share).toFixed(0)} %)`;
      status.textContent = `row ${cursor[0]}, column ${cursor[1]}` + (shares.length > 0 ? `; highest of its channel: ${shares.slice(0, 3).map(say).join(", ")}; lowest: ${shares.slice(-2).reverse().map(say).join(", ")}` : "");
    };
    grid.addEventListener("focus", () => { if (!cursor) go(0, 0); });
    grid.addEventListener("keydown", (e) => {
      const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[e.key];
      if (!step) return;
      e.preventDefault();
      const [r, c] = cursor || [0, 0];
      go(r + step[0], c + step[1]);
    });
    return {
      node: el("div", { class: "channels", "data-view": "channels" }, el("h4", {}, `The texture's channels (${sides.join(" and ")})`),
        el("div", { class: "channel-sides" }, el("div", {}, grid, status), el("div", { class: "wide-box", tabindex: "0", role: "region", "aria-label": "Channels at the cell" }, table))),
      follow: (row, col) => go(Math.floor(row * rows), Math.floor(col * cols)),  // shares of the picture
    };
  };

  // One view a texture of picture p. The relevance is correlated where it is of every cell.
  const of = (data, p, sides) => used(data, p, sides).map((u) => {
    const cells = u[1].grid[0] * u[1].grid[1], relevances = [];
    for (const [side, c] of sides) {
      const choice = figures.choice(data.columns[c], p, data.maps);
      if (choice && choice.values.length === cells && choice.grid.join() === u[1].grid.join()) relevances.push([side, choice.values]);
    }
    return view(u, relevances, data.maps);
  });

  return { of };
};
