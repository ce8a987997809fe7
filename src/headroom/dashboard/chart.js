// Bars of what was billed and what was saved on top of it, and the share that came from the provider's cache.

import { drawn, element, share, table, usd, when, short } from "./show.js";

const WIDTH = 960, HEIGHT = 240, LEFT = 60, BOTTOM = 22, TOP = 10, RIGHT = 44;

// points: [{at, billed_usd, passthrough_usd, saved_tokens, cache_hit_rate, requests}], oldest first
export function overTime(points) {
  if (!points.length) return element("p", { class: "none" }, "No requests in this period.");
  const most = Math.max(...points.map((p) => Math.max(p.billed_usd ?? 0, p.passthrough_usd ?? 0)), 1e-9);
  const wide = (WIDTH - LEFT - RIGHT) / points.length, high = HEIGHT - TOP - BOTTOM;
  const y = (value) => TOP + high * (1 - value / most);
  const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": "What was billed and saved over time" });
  for (const part of [0, 0.5, 1]) {
    svg.append(
      drawn("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(part * most), y2: y(part * most) }),
      drawn("text", { x: LEFT - 6, y: y(part * most) + 4, "text-anchor": "end" }, usd(part * most)),
      drawn("text", { x: WIDTH - RIGHT + 6, y: y(part * most) + 4 }, `${100 * part} %`),
    );
  }
  const every = Math.ceil(points.length / 8);
  points.forEach((point, i) => {
    const x = LEFT + i * wide + wide * 0.1, width = Math.max(1, wide * 0.8);
    const billed = point.billed_usd ?? 0, saved = (point.passthrough_usd ?? 0) - billed;
    const bar = drawn("g", {}, drawn("title", {}, `${when(point.at)}: billed ${usd(billed)}, saved ${usd(saved)}`));
    bar.append(rect("billed", x, y(billed - Math.max(0, -saved)), width, y(0)));
    if (saved > 0) bar.append(rect("saved", x, y(billed + saved), width, y(billed)));
    if (saved < 0) bar.append(rect("lost", x, y(billed), width, y(billed + saved)));
    svg.append(bar);
    if (i % every === 0) svg.append(drawn("text", { x, y: HEIGHT - 6 }, label(point.at, points)));
  });
  const line = points
    .map((p, i) => [LEFT + (i + 0.5) * wide, p.cache_hit_rate])
    .filter(([, rate]) => rate != null)
    .map(([x, rate]) => `${x.toFixed(1)},${(TOP + high * (1 - rate)).toFixed(1)}`);
  if (line.length > 1) svg.append(drawn("polyline", { class: "hits", points: line.join(" ") }));
  return element("div", {}, svg, legend(), asTable(points));
}

function rect(kind, x, top, width, bottom) {
  return drawn("rect", { class: kind, x, y: top, width, height: Math.max(0, bottom - top), rx: 1 });
}

function label(at, points) {
  const days = points[points.length - 1].at - points[0].at > 2 * 86400;
  return new Date(1000 * at).toLocaleString([], days ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit" });
}

function legend() {
  const entry = (kind, text) => [element("i", { class: kind }), text];
  return element("p", { class: "legend" }, ...entry("billed", "billed"), ...entry("saved", "saved, net"), ...entry("hits", "read from the provider's cache"));
}

function asTable(points) {
  const columns = [
    ["time", (p) => when(p.at)],
    ["requests", (p) => String(p.requests), "number"],
    ["billed", (p) => usd(p.billed_usd), "number"],
    ["as it came", (p) => usd(p.passthrough_usd), "number"],
    ["tokens saved", (p) => short(p.saved_tokens), "number"],
    ["from cache", (p) => share(p.cache_hit_rate), "number"],
  ];
  return element("details", {}, element("summary", {}, "as a table"), table(columns, points, ""));
}
