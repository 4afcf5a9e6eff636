// The plots once more as charts that zoom and pan, by uPlot where the build had npm. The page's own SVG stays for paper,
// and for whoever reads without a pointer.
const zoomed = ({ el, tell }) => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dashes = [[], [7, 3], [2, 3], [9, 3, 2, 3]], grey = { "-1": ["--n1", [1, 4]], "-2": ["--n2", [5, 4]], "-3": ["--n3", [14, 4]] };
  const look_of = (look) => (look < 0 ? grey[look] : [`--c${look % 6}`, dashes[(Math.floor(look / 6) + look) % 4]]);

  const chart = (box, plot, chosen) => {
    const factor = plot.percent ? 100 : 1, xs = [...new Set(plot.series.flatMap((s) => s.points.map((p) => p.x)))].sort((a, b) => a - b);
    const data = [xs], series = [{}], bands = [], owners = [null], many = plot.series.length > 12;
    const column = (s, key) => { const at = new Map(s.points.map((p) => [p.x, factor * p[key]])); return xs.map((x) => (at.has(x) ? at.get(x) : null)); };
    plot.series.forEach((s, k) => {
      const [name, dash] = look_of(s.look), stroke = colour(name), show = !chosen.hidden.has(s.name);
      data.push(column(s, "y"));
      series.push({ label: s.name, stroke, width: 2, dash, spanGaps: true, show, points: { show: true, size: 7, fill: stroke } });
      owners.push(k);
      if (many || !s.points.some((p) => p.low < p.high)) return;
      data.push(column(s, "high"), column(s, "low"));
      for (const end of ["high", "low"]) series.push({ label: `${s.name} ${end}`, stroke: "transparent", spanGaps: true, show, points: { show: false } }), owners.push(k);
      bands.push({ series: [series.length - 2, series.length - 1], fill: stroke + "22" });
    });
    const axis = (label, values) => ({ label, stroke: colour("--ink"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--soft"), width: 1 }, values });
    const whole = { x: [xs[0], xs[xs.length - 1]], y: data.slice(1).flat().filter((v) => v !== null).reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]) };
    const room = ([a, b], log) => (log ? [a / 1.1, b * 1.1] : [a - 0.04 * (b - a || 1), b + 0.04 * (b - a || 1)]);
    const log = chosen.log && xs[0] > 0, full = { x: room(whole.x, log), y: room(whole.y, false) };
    const nearest = (u) => {
      let best = null;
      plot.series.forEach((s) => {
        if (!chosen.hidden.has(s.name)) for (const p of s.points) {
          const d = Math.hypot(u.valToPos(p.x, "x") - u.cursor.left, u.valToPos(factor * p.y, "y") - u.cursor.top);
          if (d < 30 && (!best || d < best.d)) best = { d, p };
        }
      });
      return best && best.p;
    };
    const u = new uPlot({
      width: Math.max(280, box.clientWidth || 760), height: 420, legend: { show: false }, bands, series,
      scales: { x: { time: false, distr: log ? 3 : 1, range: (_, a, b) => [a, b] }, y: { range: (_, a, b) => [a, b] } },
      axes: [axis(plot.x), axis(plot.y, plot.percent ? (_, ticks) => ticks.map((t) => t + " %") : undefined)],
      cursor: { drag: { x: true, y: true, uni: 24 }, points: { show: false } },
      hooks: { setCursor: [(v) => { const p = v.cursor.left >= 0 ? nearest(v) : null; tell(p && p.says, v.over, v.cursor.left, v.cursor.top); }] },
    }, data, box);
    const now = () => ({ x: [u.scales.x.min, u.scales.x.max], y: [u.scales.y.min, u.scales.y.max] });
    const show = (at) => u.batch(() => ["x", "y"].forEach((k) => u.setScale(k, { min: at[k][0], max: at[k][1] })));
    const part = ([a, b], from, to, is_log) => {
      const [f, g] = is_log ? [Math.log, Math.exp] : [(v) => v, (v) => v], x = f(a), w = f(b) - x;
      return [g(x + from * w), g(x + to * w)];
    };
    const to = (x0, x1, y0, y1) => { const at = now(); show({ x: part(at.x, x0, x1, log), y: part(at.y, y0, y1, false) }); };
    show(full);
    u.over.addEventListener("dblclick", () => show(full));
    return { u, whole: () => show(full), by: to, toggle: (name) => owners.forEach((k, i) => { if (k !== null && plot.series[k].name === name) u.setSeries(i, { show: !chosen.hidden.has(name) }); }) };
  };

  // A figure's chart with its buttons; `chosen` is shared by all.
  const mount = (figure, plot, chosen) => {
    const box = el("div", { class: "zoom-chart" }), where = el("div", { class: "zoom", "data-plot": plot.id }, el("h3", {}, plot.title), box);
    figure.append(where);
    let own = chart(box, plot, chosen);
    const again = () => { own.u.destroy(); own = chart(box, plot, chosen); };
    const button = (text, title, f) => el("button", { type: "button", title, onclick: () => f() }, text);
    const names = plot.series.map((s) => el("button", { type: "button", "aria-pressed": String(!chosen.hidden.has(s.name)), "data-line": s.name, onclick: () => {
      if (!chosen.hidden.delete(s.name)) chosen.hidden.add(s.name);
      chosen.changed(s.name);
    } }, el("i", { style: `background:var(${look_of(s.look)[0]})` }), s.name));
    where.append(el("div", { class: "zoom-buttons" }, button("Closer", "half of what is seen", () => own.by(0.25, 0.75, 0.25, 0.75)), button("Farther", "twice as much", () => own.by(-0.5, 1.5, -0.5, 1.5)),
      button("←", "to the left", () => own.by(-0.25, 0.75, 0, 1)), button("→", "to the right", () => own.by(0.25, 1.25, 0, 1)), button("↑", "up", () => own.by(0, 1, 0.25, 1.25)), button("↓", "down", () => own.by(0, 1, -0.25, 0.75)),
      button("Whole", "all of it, as a double click", () => own.whole())), el("div", { class: "zoom-names" }, ...names));
    return {
      again,
      close: () => { own.u.destroy(); where.remove(); tell(null); },
      changed: (name) => { own.toggle(name); for (const b of names) b.setAttribute("aria-pressed", String(!chosen.hidden.has(b.dataset.line))); },
      seen: () => [own.u.scales.x.min, own.u.scales.x.max],
    };
  };

  // plots: as plots.json has them. A box ticked puts the charts in the place of the drawings.
  return (section, plots) => {
    if (typeof uPlot !== "function" || plots.length === 0) return;
    const chosen = { hidden: new Set(), log: false, changed: (name) => charts.forEach((c) => c.changed(name)) }, figures_in = [...section.querySelectorAll("figure")];
    let charts = [];
    const zooms = el("input", { type: "checkbox", id: "zooms" }), logs = el("input", { type: "checkbox", id: "logs" });
    zooms.addEventListener("change", () => {
      section.classList.toggle("zoomed", zooms.checked);
      logs.parentNode.hidden = !zooms.checked;
      charts.forEach((c) => c.close());
      charts = zooms.checked ? plots.map((p, i) => mount(figures_in[i], p, chosen)) : [];
    });
    logs.addEventListener("change", () => { chosen.log = logs.checked; charts.forEach((c) => c.again()); });
    const again = () => charts.forEach((c) => c.again());
    matchMedia("(prefers-color-scheme:dark)").addEventListener("change", again);
    let waits = 0;
    addEventListener("resize", () => { clearTimeout(waits); waits = setTimeout(again, 150); });
    section.querySelector("h2").after(el("div", { class: "tools", id: "plot-tools" }, el("label", { class: "check" }, zooms, "zoom and pan (drag a part; double click: the whole)"), el("label", { class: "check", hidden: true }, logs, "logarithmic foot")));
  };
};
