// Bars of what was billed with what was saved on top, below them the share that came from the provider's cache.
// Without prices the bars are of tokens that did not have to be read.

import { count, day, drawn, element, hour, share, short, table, usd, utcDay } from "./show.js";

const HOUR = 3600, DAY = 24 * HOUR;
const LEFT = 56, RIGHT = 8, TOP = 8, HIGH = 180, GAP = 30, LOW = 44, BOTTOM = 22, WIDEST_BAR = 44;

// points: [{at, requests, billed_usd, passthrough_usd, saved_tokens, cache_hit_rate}], oldest first
export function overTime(points, period, bucket, width) {
  if (!points.length) return [element("p", { class: "none" }, "No requests in this period.")];
  const slots = slotsOf(points, period, bucket, width), priced = points.some((p) => p.billed_usd != null);
  const svg = drawn("svg", {
    width, height: TOP + HIGH + GAP + LOW + BOTTOM, role: "img",
    "aria-label": `${priced ? "What was billed and saved" : "Tokens saved"}, and the share read from the provider's cache, over time`,
  });
  svg.append(...bars(points, slots, priced, width), ...hits(points, slots, width), ...times(slots));
  const readout = element("p", { class: "readout", "aria-hidden": "true" }, "");
  const read = (point) => readout.replaceChildren(point ? said(point, bucket, priced) : "");
  for (const point of points) svg.append(target(point, slots, read));
  svg.addEventListener("pointerleave", () => read(null));
  return [legend(points, priced), svg, readout];
}

export function asTable(points, bucket) {
  const columns = [
    ["time", (p) => label(p.at, bucket)],
    ["requests", (p) => count(p.requests), "number"],
    ["billed", (p) => usd(p.billed_usd), "number"],
    ["as it came", (p) => usd(p.passthrough_usd), "number"],
    ["tokens saved", (p) => short(p.saved_tokens), "number"],
    ["from cache", (p) => share(p.cache_hit_rate), "number"],
  ];
  return table(columns, points, "No requests in this period.");
}

// Where times stand: every hour or day has its place, also those without requests.
function slotsOf(points, period, bucket, width) {
  const step = bucket === "hour" ? HOUR : DAY;
  const first = Math.min(Math.floor(period.since / step) * step, points[0].at);
  const last = Math.max(Math.ceil(period.until / step) * step - step, points.at(-1).at);
  const number = Math.round((last - first) / step) + 1, wide = (width - LEFT - RIGHT) / number;
  return { step, first, number, wide, bucket, x: (at) => LEFT + ((at - first) / step) * wide };
}

function bars(points, slots, priced, width) {
  const values = points.map((p) => (priced ? [p.billed_usd ?? 0, p.passthrough_usd ?? 0] : [0, p.saved_tokens]));
  const ticks = ticksOf(Math.min(0, ...values.flat()), Math.max(0, ...values.flat()));
  const bottom = ticks[0], y = (value) => TOP + HIGH * (1 - (value - bottom) / (ticks.at(-1) - bottom));
  const made = ticks.flatMap((tick) => [
    drawn("line", { class: tick === 0 ? "axis" : "grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }),
    drawn("text", { x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, tickText(tick, priced)),
  ]);
  points.forEach((point, i) => {
    const [went, came] = values[i], wide = Math.max(1, Math.min(WIDEST_BAR, slots.wide * 0.76));
    const x = slots.x(point.at) + (slots.wide - wide) / 2, common = Math.min(went, came);
    if (common > 0) made.push(rect("billed", x, y(common), wide, y(0)));
    if (came > went) made.push(rect("saved", x, y(came), wide, y(went)));
    if (came < went) made.push(rect("lost", x, y(went), wide, y(came)));
  });
  return made;
}

function rect(kind, x, top, width, bottom) {
  return drawn("rect", { class: kind, x: x.toFixed(1), y: top.toFixed(1), width: width.toFixed(1), height: Math.max(0.5, bottom - top).toFixed(1) });
}

function hits(points, slots, width) {
  const top = TOP + HIGH + GAP, y = (rate) => top + LOW * (1 - rate);
  const made = [0, 1].flatMap((rate) => [
    drawn("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(rate), y2: y(rate) }),
    drawn("text", { x: LEFT - 8, y: y(rate) + 4, "text-anchor": "end" }, `${100 * rate} %`),
  ]);
  const known = points.filter((p) => p.cache_hit_rate != null);
  const places = known.map((p) => [slots.x(p.at) + slots.wide / 2, y(p.cache_hit_rate)].map((n) => n.toFixed(1)));
  if (places.length > 1) made.push(drawn("polyline", { class: "hits", points: places.map((place) => place.join(",")).join(" ") }));
  if (places.length < 60) made.push(...places.map(([cx, cy]) => drawn("circle", { class: "hits", cx, cy, r: 2 })));
  return made;
}

function times(slots) {
  const every = Math.ceil(62 / slots.wide), made = [];
  for (let i = 0; i < slots.number; i += every) {
    const x = slots.x(slots.first + i * slots.step) + slots.wide / 2;
    const at = slots.first + i * slots.step;
    made.push(drawn("text", { x, y: TOP + HIGH + GAP + LOW + 18, "text-anchor": "middle" }, label(at, slots.bucket)));
  }
  return made;
}

function target(point, slots, read) {
  const area = drawn("rect", { class: "target", x: slots.x(point.at), y: 0, width: slots.wide, height: TOP + HIGH + GAP + LOW });
  area.addEventListener("pointerenter", () => read(point));
  return area;
}

function said(point, bucket, priced) {
  const money = priced ? `billed ${usd(point.billed_usd)}, as it came ${usd(point.passthrough_usd)}, ` : "";
  const time = bucket === "hour" ? `${day(point.at)} ${hour(point.at)}` : utcDay(point.at);
  return `${time}: ${money}${short(point.saved_tokens)} tokens saved, ${share(point.cache_hit_rate)} from cache, ${count(point.requests)} requests`;
}

function legend(points, priced) {
  const lost = points.some((p) => (priced ? p.passthrough_usd < p.billed_usd : p.saved_tokens < 0));
  const entries = [
    priced ? ["billed", "billed"] : null,
    ["saved", priced ? "saved, net" : "tokens saved, net"],
    lost ? ["lost", "lost"] : null,
    ["hits", "read from the provider’s cache"],
  ];
  const entry = ([kind, text]) => element("li", {}, element("i", { class: kind }), text);
  return element("ul", { class: "legend" }, ...entries.filter(Boolean).map(entry));
}

const label = (at, bucket) => (bucket === "hour" ? hour(at) : utcDay(at));
const tickText = (tick, priced) => (priced ? `${tick < 0 ? "−" : ""}$${short(Math.abs(tick))}` : short(tick));

// Three to six round numbers around these two.
function ticksOf(low, high) {
  const rough = (high - low || 1) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((size) => size >= rough);
  const first = Math.floor(low / step + 1e-9), last = Math.max(Math.ceil(high / step - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}
