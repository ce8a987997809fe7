// The page: asks for what the proxy has booked, every few seconds, and shows it.

import { ask, hasToken, remember, tokenFromAddress, Unauthorized } from "./api.js";
import { asTable, overTime } from "./chart.js";
import { inspect } from "./inspector.js";
import { count, element, millis, percent, put, share, short, things, usd, worded } from "./show.js";
import { breakersTable, dimensionTable, holdoutTable, reasonsTable, requestsTable, retrievalsTable, strategiesTable } from "./tables.js";

const EVERY_MS = 3000, SELDOM_MS = 60_000, LINES = 20, MOST_LINES = 1000;
const DIMENSIONS = ["tool", "type", "compressor", "model", "client", "project", "day"];
const by = (id) => document.getElementById(id);
let dimension = DIMENSIONS[0], lines = LINES, shown = {}, asked = 0, width = 0, kept = {};

async function refresh() {
  const turn = ++asked;
  try {
    const since = by("period").value, got = await everything(since);
    if (turn !== asked) return; // meanwhile something else was asked for
    entered(true);
    show(got);
    by("main").dataset.period = since;
    state("", "up to date");
    by("at").textContent = new Date().toLocaleTimeString("en-GB");
  } catch (error) {
    if (turn !== asked) return;
    if (error instanceof Unauthorized) {
      by("refused").textContent = hasToken() ? "The proxy does not know this token." : "";
      entered(false);
      state("bad", "needs the token");
    } else {
      state("bad", `no answer: ${error.message}`);
    }
  }
}

function entered(inside) {
  by("login").hidden = inside;
  by("main").hidden = by("controls").hidden = !inside;
}

async function everything(since) {
  const bucket = since === "1h" || since === "24h" ? "hour" : "day";
  const wanted = {
    summary: `/stats?since=${since}`,
    series: `/stats/series?since=${since}&bucket=${bucket}`,
    rows: `/stats/by/${dimension}?since=${since}`,
    requests: `/stats/requests?limit=${lines}`,
    retrievals: "/stats/retrievals?limit=10",
    strategies: "/stats/strategies",
    holdout: `/stats/holdout?since=${since}`,
  };
  const answers = await Promise.all(Object.values(wanted).map((path) => (path === wanted.holdout ? seldom(path) : ask(path))));
  return Object.fromEntries(Object.keys(wanted).map((name, i) => [name, answers[i]]));
}

// What takes the proxy long to work out, and does not change from one request to the next.
async function seldom(path) {
  if (kept.path !== path || Date.now() > kept.until) kept = { path, until: Date.now() + SELDOM_MS, said: await ask(path) };
  return kept.said;
}

function show(got) {
  const before = shown;
  shown = got;
  for (const [name, put] of Object.entries(SHOWN)) if (before[name] !== got[name]) put(got[name]);
}

const SHOWN = {
  summary(summary) {
    notices(summary);
    headline(summary);
    by("pause").hidden = summary.paused == null;
    by("pause").textContent = summary.paused ? "Resume" : "Pause";
    put(by("reasons"), reasonsTable(summary.reasons));
    put(by("breakers"), breakersTable(summary.cache_breakers));
  },
  series({ points, bucket }) {
    chart();
    by("time-details").hidden = !points.length;
    put(by("time-table"), asTable(points, bucket));
  },
  rows({ rows }) {
    by("by").setAttribute("aria-labelledby", `tab-${dimension}`);
    put(by("by"), dimensionTable(dimension, rows));
  },
  requests({ requests }) {
    put(by("requests"), requestsTable(requests, inspect));
    by("more").hidden = requests.length < lines || lines >= MOST_LINES;
  },
  retrievals: ({ retrievals }) => put(by("retrievals"), retrievalsTable(retrievals, inspect)),
  strategies: ({ strategies }) => put(by("strategies"), strategiesTable(strategies)),
  holdout({ measures }) {
    by("holdout-section").hidden = !measures.length;
    if (measures.length) put(by("holdout"), ...holdoutTable(measures));
  },
};

function chart() {
  width = by("time").clientWidth;
  if (!shown.series || !width) return;
  const { points, bucket } = shown.series;
  by("time").replaceChildren(...overTime(points, shown.summary.period, bucket, width));
}

function notices(summary) {
  const said = summary.warnings.map((text) => element("li", { class: "warn" }, ...worded(text)));
  if (summary.dry_run) said.unshift(element("li", {}, dryRun(summary.dry_run)));
  if (summary.paused) said.unshift(element("li", { class: "warn" }, "Paused: nothing new is shortened. What was sent shortened before goes on as it was sent."));
  by("notices").hidden = !said.length;
  by("notices").replaceChildren(...said);
}

function dryRun({ requests, would_save }) {
  const money = would_save.usd == null ? "" : `${usd(would_save.usd)} and `;
  return `Dry run, ${things(requests, "request")} so far: sent as it came; shortened, ${money}${short(would_save.tokens)} tokens (${percent(would_save.percent)}) would have been saved.`;
}

function headline(s) {
  const figure = (id, title, value, text) => element("div", { class: "figure" }, element("dt", {}, title), element("dd", {}, element("strong", { id }, value), element("span", {}, text)));
  by("headline").replaceChildren(
    saving(s),
    element("dl", { class: "figures" },
      figure("saved-tokens", "Input tokens saved", short(s.saved.tokens), "of all turns, net of retrievals"),
      figure("requests-count", "Requests", count(s.requests), `${things(s.conversations, "conversation")}, ${count(s.errors)} failed`),
      figure("texts-count", "New texts shortened", count(s.texts.changed), `of ${count(s.texts.looked_at)}: ${short(s.texts.tokens_before)} → ${short(s.texts.tokens_after)} tokens`),
      figure("cache-hits", "From the provider’s cache", share(s.cache_hit_rate), `${share(s.passthrough_cache_hit_rate)} as it came`),
      figure("retrievals-count", "Retrievals", count(s.retrievals.count), `${short(s.retrievals.tokens)} tokens, in the bill above`),
      figure("added", "Added latency", millis(s.latency.added_ms.p50), `p99 ${millis(s.latency.added_ms.p99)}; first byte ${millis(s.latency.first_byte_ms.p50)}`),
    ),
  );
}

function saving(s) {
  const priced = s.saved.usd != null, amount = priced ? s.saved.usd : s.saved.tokens, lost = amount < 0;
  const value = priced ? usd(Math.abs(amount)) : `${short(Math.abs(amount))} tokens`;
  const bill = priced
    ? `Billed ${usd(s.billed.usd)}; the same requests as they came: ${usd(s.passthrough.usd)}.`
    : "No price is known of these models; the percentage weighs tokens by what they usually cost.";
  const estimated = s.estimated_requests ? `, estimated for ${count(s.estimated_requests)}` : "";
  return element("div", { class: "saving" },
    element("p", { class: "amount" },
      element("strong", { id: "saved", class: lost ? "bad" : amount > 0 ? "good" : null }, value), " ",
      element("span", { id: "saved-percent" }, `${lost ? "lost" : "saved"}${s.saved.percent == null ? "" : `, ${percent(Math.abs(s.saved.percent))} of what it would have cost`}`)),
    element("p", {}, s.requests ? bill : "No requests in this period."),
    s.requests ? element("p", { class: "none" }, `The bill is the provider’s own number for ${things(s.measured_requests, "request")}${estimated}; what was left out is counted (${s.counting}) and scaled to it.`) : null);
}

function tabs() {
  const pick = (name) => {
    dimension = name;
    for (const tab of by("dimensions").children) {
      const here = tab.id === `tab-${name}`;
      tab.setAttribute("aria-selected", here);
      tab.tabIndex = here ? 0 : -1;
    }
    refresh();
  };
  const step = (event) => {
    const last = DIMENSIONS.length - 1, at = DIMENSIONS.indexOf(dimension);
    const to = { ArrowRight: (at + 1) % (last + 1), ArrowLeft: (at + last) % (last + 1), Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    pick(DIMENSIONS[to]);
    by(`tab-${dimension}`).focus();
  };
  const tab = (name) =>
    element("button", {
      type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "by", "aria-selected": name === dimension,
      tabindex: name === dimension ? 0 : -1, onclick: () => pick(name), onkeydown: step,
    }, name === "type" ? "content type" : name);
  by("dimensions").replaceChildren(...DIMENSIONS.map(tab));
}

function state(kind, text) {
  by("state").className = kind;
  if (by("state").textContent !== text) by("state").textContent = text;
}

by("period").addEventListener("change", refresh);
by("more").addEventListener("click", () => {
  lines = Math.min(MOST_LINES, 2 * lines);
  refresh();
});
by("pause").addEventListener("click", async () => {
  try {
    await ask(shown.summary.paused ? "/resume" : "/pause", "POST");
  } catch (error) {
    state("bad", error.message);
  }
  await refresh();
});
by("login").addEventListener("submit", (event) => {
  event.preventDefault();
  remember(by("token").value.trim());
  refresh();
});
addEventListener("hashchange", () => {
  tokenFromAddress();
  refresh();
});
document.addEventListener("visibilitychange", () => document.hidden || refresh());
new ResizeObserver(() => by("time").clientWidth !== width && chart()).observe(by("time"));
tokenFromAddress();
tabs();
await refresh();
setInterval(() => document.hidden || refresh(), EVERY_MS);
