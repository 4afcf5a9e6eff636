"use strict";
// Figures of kept tokens and maps: numbers alone, nothing is drawn here.
const figures = (() => {
  // Tokens of a kept set or of what a decision saw: [row, col, rows, cols] in cells of the grid.
  const tokens_of = (x) => {
    if (x.places) return x.places;
    const [r, c] = x.grid, at = x.at || Array.from({ length: r * c }, (_, i) => i);
    return at.map((i) => [Math.floor(i / c), i % c, 1, 1]);
  };
  const values_of = (map) => {
    const bytes = atob(map[2]), span = map[1] - map[0];
    return Float64Array.from(bytes, (c) => map[0] + (c.charCodeAt(0) / 255) * span);
  };
  // Every map that a column has of a picture: what it is called, where its tokens lie, what it says.
  const maps_of = (column, p, maps) => {
    const out = [];
    (column && column.decisions || []).forEach((d, n) => {
      const seen = d.pictures[p], where = column.decisions.length > 1 ? `decision ${n + 1}: ` : "";
      if (!seen) return;
      const total = (seen.weights || []).reduce((x, y) => x + y, 0);
      (seen.maps || []).forEach((m, k) => out.push({
        name: where + (d.scorers[k] || `map ${k + 1}`), map: maps[m], seen, weight: seen.weights ? seen.weights[k] : undefined, total,
      }));
      if (seen.relevance !== undefined) out.push({ name: where + "relevance", map: maps[seen.relevance], seen });
    });
    return out;
  };
  const key_of = (token) => token.join();
  const mean = (v) => v.reduce((x, y) => x + y, 0) / v.length;

  // From 0; equal values share the mean of theirs.
  const ranks = (values) => {
    const order = Array.from(values, (_, i) => i).sort((i, j) => values[i] - values[j]), out = new Float64Array(values.length);
    for (let from = 0, to; from < order.length; from = to) {
      for (to = from; to < order.length && values[order[to]] === values[order[from]]; ++to);
      for (let k = from; k < to; ++k) out[order[k]] = (from + to - 1) / 2;
    }
    return out;
  };
  // Null where one of them is the same everywhere, or fewer than three.
  const spearman = (x, y) => of_ranks(ranks(x), ranks(y));
  const of_ranks = (a, b) => {
    const m = (a.length - 1) / 2;
    let ab = 0, aa = 0, bb = 0;
    for (let i = 0; i < a.length; ++i) {
      ab += (a[i] - m) * (b[i] - m);
      aa += (a[i] - m) ** 2;
      bb += (b[i] - m) ** 2;
    }
    return a.length < 3 || aa === 0 || bb === 0 ? null : ab / Math.sqrt(aa * bb);
  };
  const quantile = (sorted, q) => {
    const at = q * (sorted.length - 1), i = Math.floor(at);
    return sorted[i] + (at - i) * (sorted[Math.min(i + 1, sorted.length - 1)] - sorted[i]);
  };
  const box_of = (values) => {
    const sorted = Float64Array.from(values).sort();
    return [0, 0.25, 0.5, 0.75, 1].map((q) => quantile(sorted, q));
  };

  // Places of the tokens that a column kept of a picture; null where the run does not say, and of several frames.
  const kept_places = (picture) => {
    if (!picture || !picture.kept || picture.frames > 1) return null;
    const tokens = tokens_of(picture);
    return new Set((picture.kept === "all" ? tokens : picture.kept.map((i) => tokens[i])).map(key_of));
  };

  // The last relevance by which a column chose among a picture's tokens, and which of them it kept in the end.
  const choice = (column, p, maps) => {
    const picture = column && column.pictures && column.pictures[p], kept = kept_places(picture);
    if (!kept) return null;
    for (const d of (column.decisions || []).slice().reverse()) {
      const seen = d.pictures[p];
      const map = seen && seen.relevance !== undefined ? maps[seen.relevance] : null;
      if (!map || map[0] === map[1]) continue;  // the same everywhere: says nothing
      const tokens = tokens_of(seen), values = values_of(map), inside = tokens.map((t) => kept.has(key_of(t)));
      const count = inside.filter(Boolean).length;
      if (count !== kept.size) continue;  // what was kept are other tokens: regions, merged ones
      return { name: d.name, tokens, values, inside, count, grid: seen.grid };
    }
    return null;
  };

  // Kept against dropped: quartiles of both, and the chance that a kept token lies above a dropped one.
  const split = (c) => {
    if (!c || c.count === 0 || c.count === c.tokens.length) return null;
    const kept = c.values.filter((_, i) => c.inside[i]), dropped = c.values.filter((_, i) => !c.inside[i]);
    let sum = 0;
    ranks(c.values).forEach((r, i) => { if (c.inside[i]) sum += r; });
    const n = kept.length, above = (sum - (n * (n - 1)) / 2) / (n * dropped.length);
    return { kept, dropped, kept_box: box_of(kept), dropped_box: box_of(dropped), above };
  };

  // The map from its highest token on; what share of its sum the first ones and the kept ones hold (null: it has negatives).
  const decay = (c) => {
    if (!c || c.tokens.length === 0) return null;
    const order = c.tokens.map((_, i) => i).sort((i, j) => c.values[j] - c.values[i] || i - j);
    const values = order.map((i) => c.values[i]), all = values.reduce((x, y) => x + y, 0);
    const share = (list) => (all > 0 && values[values.length - 1] >= 0 ? list.reduce((x, y) => x + y, 0) / all : null);
    return { values, at: order.map((i, k) => (c.inside[i] ? k : -1)).filter((k) => k >= 0), count: c.count,
      first: share(values.slice(0, c.count)), held: share(order.filter((i) => c.inside[i]).map((i) => c.values[i])) };
  };

  // Kept tokens by region of a 4 x 4 lattice over the picture, by their middles; null: no token is there.
  const coverage = (picture) => {
    const kept = kept_places(picture);
    if (!kept) return null;
    const counts = Array(16).fill(null), [rows, cols] = picture.grid;
    for (const t of tokens_of(picture)) {
      const part = (from, size, side) => Math.min(3, Math.floor((4 * (from + size / 2)) / side));
      const at = 4 * part(t[0], t[2], rows) + part(t[1], t[3], cols);
      counts[at] = (counts[at] || 0) + (kept.has(key_of(t)) ? 1 : 0);
    }
    const there = counts.filter((n) => n !== null).length, held = counts.filter((n) => n > 0).length;
    return { counts, held, there, share: held / there };
  };

  // Tokens that the boxes ([row0, col0, row1, col1] as shares of the picture) touch: each one's tier (its region's tokens;
  // null: no regions) and depth (bits of DeepStack levels; -1: all; null: dropped). Null where the column decides neither.
  const under_boxes = (picture, boxes) => {
    if (!picture || !picture.kept || picture.frames > 1 || !(picture.regions || picture.depth)) return null;
    const [rows, cols] = picture.grid, all = picture.kept === "all", at = new Map(all ? [] : picture.kept.map((t, i) => [t, i])), out = [];
    tokens_of(picture).forEach(([r, c, h, w], t) => {
      if (!boxes.some(([r0, c0, r1, c1]) => r < r1 * rows && r + h > r0 * rows && c < c1 * cols && c + w > c0 * cols)) return;
      const i = all ? t : at.get(t), y = r + h / 2, x = c + w / 2;
      const region = (picture.regions || []).find(([r0, c0, r1, c1]) => y >= r0 && y < r1 && x >= c0 && x < c1);
      out.push([region ? region[4] : null, i === undefined ? null : picture.depth ? picture.depth[i] : -1]);
    });
    return out;
  };

  // Two columns' kept tokens of a picture, and their relevance, on one grid; null where grids or tokens differ.
  const beside = (first, second, p, maps) => {
    const [x, y] = [first, second].map((c) => c && c.pictures && c.pictures[p]), a = kept_places(x), b = kept_places(y);
    if (!a || !b || x.grid.join() !== y.grid.join() || Boolean(x.places) !== Boolean(y.places)) return null;
    const both = [...a].filter((k) => b.has(k)), added = [...a].filter((k) => !b.has(k)), removed = [...b].filter((k) => !a.has(k));
    const out = { grid: x.grid, both, added, removed, overlap: both.length / Math.max(1, both.length + added.length + removed.length) };
    const one = choice(first, p, maps), other = choice(second, p, maps);
    if (one && other && one.grid.join() === other.grid.join()) {
      const at = new Map(other.tokens.map((t, i) => [key_of(t), other.values[i]]));
      const shared = one.tokens.map((t, i) => [t, one.values[i], at.get(key_of(t))]).filter((s) => s[2] !== undefined);
      out.shift = shared.map(([t, u, v]) => [t, u - v]);
      out.mean_shift = shared.length > 0 ? mean(out.shift.map(([, d]) => Math.abs(d))) : null;
      out.rank_correlation = spearman(shared.map((s) => s[1]), shared.map((s) => s[2]));
    }
    return out;
  };

  const known = new WeakMap();  // ranks of maps, as each is held against many
  const ranks_of = (map) => {
    if (!known.has(map)) known.set(map, ranks(values_of(map)));
    return known.get(map);
  };
  // Spearman's correlation of two maps over the tokens that both decisions saw.
  const map_correlation = (x, y) => {
    if (x.seen.grid.join() !== y.seen.grid.join()) return null;
    const whole = (m) => !m.seen.at && !m.seen.places;
    if (x.seen === y.seen || (whole(x) && whole(y))) return of_ranks(ranks_of(x.map), ranks_of(y.map));
    const at = new Map(), other = values_of(y.map), own = values_of(x.map), a = [], b = [];
    tokens_of(y.seen).forEach((t, i) => at.set(key_of(t), other[i]));
    tokens_of(x.seen).forEach((t, i) => {
      const v = at.get(key_of(t));
      if (v === undefined) return;
      a.push(own[i]);
      b.push(v);
    });
    return spearman(a, b);
  };

  return { tokens_of, values_of, maps_of, mean, ranks, spearman, box_of, choice, split, decay, coverage, under_boxes, beside, map_correlation };
})();
