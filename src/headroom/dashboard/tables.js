// The page's tables, each from what its route says.

import { bar, count, drawn, element, millis, percent, short, table, things, usd, utcDay, when } from "./show.js";
import { MEANING } from "./words.js";

const good = (value) => (value < 0 ? "bad" : value > 0 ? "good" : null);
const button = (key, onclick, ...inside) => element("button", { type: "button", "data-key": key, onclick }, ...inside);

export function dimensionTable(dimension, rows) {
  const columns = [[dimension === "type" ? "content type" : dimension, (r) => r.name, "name"]];
  return table([...columns, ...(rows[0]?.texts === undefined ? ofMoney(rows) : ofTexts(rows))], rows, "Nothing in this period.");
}

function ofTexts(rows) {
  const most = Math.max(...rows.map((r) => Math.abs(r.net_tokens)));
  const tried = rows.some((r) => r.would_save_tokens != null);
  return [
    ["new texts", (r) => count(r.texts), "number"],
    ["shortened", (r) => count(r.changed), "number wide"],
    ["tokens before", (r) => short(r.tokens_before), "number wide"],
    ["after", (r) => short(r.tokens_after), "number wide"],
    ["saved", (r) => short(r.tokens_saved), "number"],
    ["retrieved", (r) => short(r.retrieved_tokens), "number wide"],
    ["net", (r) => short(r.net_tokens), "number", (r) => good(r.net_tokens)],
    ...(tried ? [["would save", (r) => short(r.would_save_tokens), "number"]] : []),
    ["", (r) => bar(r.net_tokens, most), "bar wide"],
  ];
}

function ofMoney(rows) {
  const priced = rows.some((r) => r.billed_usd != null);
  const saved = (r) => (priced ? r.saved_usd : r.net_tokens);
  const most = Math.max(...rows.map((r) => Math.abs(saved(r) ?? 0)));
  const money = [
    ["billed", (r) => usd(r.billed_usd), "number"],
    ["as it came", (r) => usd(r.passthrough_usd), "number wide"],
    ["saved", (r) => usd(r.saved_usd), "number", (r) => good(r.saved_usd)],
  ];
  return [
    ["requests", (r) => count(r.requests), "number"],
    ...(priced ? money : []),
    ["of the bill", (r) => percent(r.saved_percent), "number", (r) => good(r.saved_percent)],
    ["new texts, tokens", (r) => short(r.tokens_before), "number wide"],
    ["after", (r) => short(r.tokens_after), "number wide"],
    ["retrieved", (r) => short(r.retrieved_tokens), "number wide"],
    ["", (r) => bar(saved(r), most), "bar wide"],
  ];
}

export function requestsTable(requests, open) {
  const priced = requests.some((r) => r.billed_usd != null);
  const columns = [
    ["time", (r) => button(r.id, () => open(r.id), when(r.at))],
    ["model", (r) => r.model || "–", "name"],
    ["client", (r) => r.client || "–", "name wide"],
    ["project", (r) => r.project, "name wide"],
    ["status", (r) => String(r.status || "–"), "number", (r) => (r.status >= 400 ? "bad" : null)],
    ["read", (r) => short(r.tokens_read), "number wide"],
    ["saved", (r) => short(r.tokens_saved), "number", (r) => good(r.tokens_saved)],
    ...(priced ? [["billed", (r) => usd(r.billed_usd), "number"]] : []),
    ["added", (r) => millis(r.ms_added), "number wide"],
    ["notes", (r) => notes(r).join(", "), "name wide"],
  ];
  return table(columns, requests, "No requests yet. Point a client at this proxy, and they show up here within seconds.");
}

const GROUPS = { holdout: "held out", dry_run: "dry run", adopted: "met midway" };
const notes = (r) => [GROUPS[r.group], r.retrieved ? things(r.retrieved, "retrieval") : null, ...r.reasons].filter(Boolean);

export function retrievalsTable(retrievals, open) {
  const columns = [
    ["time", (r) => when(r.at)],
    ["original", (r) => element("code", {}, r.id)],
    ["what of it", (r) => r.asked || "all", "name"],
    ["tokens", (r) => count(r.tokens), "number"],
    ["", (r) => button(`${r.request} ${r.id} ${r.asked}`, () => open(r.request), `request ${r.request}`), "number"],
  ];
  return table(columns, retrievals, "Nothing so far: what was shown was enough.");
}

export function strategiesTable(strategies) {
  const state = (s) => (s.off_until ? `off until ${utcDay(s.off_until)}${s.times > 1 ? `, ${s.times} times so far` : ""}` : "on");
  const columns = [
    ["compressor", (s) => s.compressor],
    ["tool", (s) => s.tool || "–", "name"],
    ["uses", (s) => count(s.uses), "number"],
    ["saved", (s) => short(s.saved), "number"],
    ["read after all", (s) => short(s.lost), "number"],
    ["net", (s) => short(s.net), "number", (s) => good(s.net)],
    ["state", state, "", (s) => (s.off_until ? "warn" : null)],
  ];
  return table(columns, strategies, "No compressor has left anything out yet.");
}

export function reasonsTable(reasons) {
  const rows = Object.entries(reasons).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const columns = [
    ["code", ([code]) => element("code", {}, code)],
    ["how many", ([, n]) => count(n), "number"],
    ["", ([code]) => MEANING[code] ?? "", "meaning"],
  ];
  return table(columns, rows, "Nothing in this period.");
}

export function breakersTable(breakers) {
  const columns = [
    ["what the client changed", (b) => b.what, "name"],
    ["requests", (b) => count(b.requests), "number"],
    ["tokens read again", (b) => short(b.tokens), "number"],
  ];
  return table(columns, breakers, "No client changed what it had sent before.");
}

const MEASURES = { cost: "cost", tokens_read: "tokens read", requests: "requests", retrievals: "retrievals", errors: "errors" };

export function holdoutTable(measures) {
  const bounds = measures.flatMap((m) => (m.low == null ? [] : [Math.abs(m.low), Math.abs(m.high)]));
  const most = Math.max(0.01, ...bounds), relative = (n) => `${n >= 0.0005 ? "+" : ""}${percent(100 * n)}`;
  const columns = [
    ["per conversation", (m) => MEASURES[m.measure] ?? m.measure, "name"],
    ["treated", (m) => short(m.treated_mean), "number"],
    ["held out", (m) => short(m.held_out_mean), "number"],
    ["difference", (m) => (m.relative == null ? "–" : relative(m.relative)), "number", (m) => (m.is_clear ? good(-m.relative) : null)],
    ["95 % interval", (m) => (m.low == null ? "too few" : `${relative(m.low)} … ${relative(m.high)}`), "number"],
    ["", (m) => interval(m, most), "interval wide"],
    ["", (m) => (m.low == null || m.is_clear ? "" : "may be chance"), "none"],
  ];
  const { treated, held_out } = measures[0];
  const note = `${things(treated, "conversation")} treated, ${count(held_out)} left as they came. This is measured, turns that shortened results made necessary or saved included.`;
  return [table(columns, measures, ""), element("p", { class: "none" }, note)];
}

// The interval as a line, its middle as a dot; the axis is where nothing differs.
function interval(m, most) {
  const x = (value) => `${(50 + (46 * value) / most).toFixed(2)}%`, svg = drawn("svg", { class: "interval", "aria-hidden": "true" });
  svg.append(drawn("line", { class: "axis", x1: "50%", x2: "50%", y1: 0, y2: "100%" }));
  if (m.low == null) return svg;
  const kind = m.is_clear ? (m.relative < 0 ? "saved" : "lost") : "unclear";
  svg.append(drawn("line", { class: kind, x1: x(m.low), x2: x(m.high), y1: "50%", y2: "50%" }), drawn("circle", { class: kind, cx: x(m.relative), cy: "50%", r: 4 }));
  return svg;
}
