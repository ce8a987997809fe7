// The page: asks for what the proxy has booked, every few seconds, and shows it.

import { ask, remember, tokenFromAddress, Unauthorized } from "./api.js";
import { overTime } from "./chart.js";
import { inspect } from "./inspector.js";
import { count, element, millis, percent, share, short, table, usd, when } from "./show.js";

const EVERY_MS = 3000, LINES = 50;
const DIMENSIONS = ["tool", "type", "compressor", "model", "client", "project", "day"];
const by = (id) => document.getElementById(id);
let dimension = DIMENSIONS[0], lines = LINES, shown = {};

async function refresh() {
  try {
    await everything();
    state(`up to date, ${new Date().toLocaleTimeString()}`);
    by("login").hidden = true;
    by("main").hidden = false;
  } catch (error) {
    if (error instanceof Unauthorized) {
      by("login").hidden = false;
      by("main").hidden = true;
      state("needs the token");
    } else {
      state(`the proxy does not answer: ${error.message}`);
    }
  }
}

async function everything() {
  const since = by("period").value, bucket = since === "1h" || since === "24h" ? "hour" : "day";
  const asked = {
    summary: `/stats?since=${since}`,
    series: `/stats/series?since=${since}&bucket=${bucket}`,
    rows: `/stats/by/${dimension}?since=${since}`,
    requests: `/stats/requests?limit=${lines}`,
    retrievals: "/stats/retrievals?limit=20",
    strategies: "/stats/strategies",
    holdout: `/stats/holdout?since=${since}`,
  };
  const answers = await Promise.all(Object.values(asked).map((path) => ask(path)));
  const got = Object.fromEntries(Object.keys(asked).map((name, i) => [name, answers[i]]));
  for (const [name, show] of Object.entries(SHOWN)) {
    const said = JSON.stringify(got[name]);
    if (shown[name] !== said) show(got[name]); // what has not changed keeps its place, its focus and its selection
    shown[name] = said;
  }
}

const SHOWN = {
  summary(summary) {
    headline(summary);
    const warnings = summary.warnings;
    by("warnings").hidden = !warnings.length;
    by("warnings").replaceChildren(...warnings.map((text) => element("li", {}, text)));
    by("pause").hidden = summary.paused == null;
    by("pause").textContent = summary.paused ? "Resume" : "Pause";
  },
  series: ({ points }) => by("time").replaceChildren(overTime(points)),
  rows: ({ rows }) => by("by").replaceChildren(rowsTable(rows)),
  requests({ requests }) {
    by("requests").replaceChildren(requestsTable(requests));
    by("more").hidden = requests.length < lines;
  },
  retrievals: ({ retrievals }) => by("retrievals").replaceChildren(retrievalsTable(retrievals)),
  strategies: ({ strategies }) => by("strategies").replaceChildren(strategiesTable(strategies)),
  holdout(holdout) {
    by("holdout-section").hidden = !holdout.text;
    by("holdout").textContent = holdout.text ?? "";
  },
};

function headline(s) {
  const saved = s.saved.usd, lost = (saved ?? s.saved.tokens) < 0;
  const first = element(
    "div", { class: "figure first" },
    element("strong", { class: lost ? "loss" : null, id: "saved" }, saved == null ? `${count(s.saved.tokens)} tokens` : usd(saved)),
    element("span", {}, `${lost ? "lost" : "saved"}, net of everything: billed ${usd(s.billed.usd)}, as it came ${usd(s.passthrough.usd)} (${percent(s.saved.percent)} less). `),
    element("span", {}, `The bill is the providers' own number for ${count(s.measured_requests)} of ${count(s.requests)} requests; the other side is counted (${s.counting}) and scaled to it.`),
  );
  const figure = (id, value, text) => element("div", { class: "figure" }, element("strong", { id }, value), element("span", {}, text));
  by("headline").replaceChildren(
    first,
    figure("saved-tokens", count(s.saved.tokens), "input tokens saved, net"),
    figure("requests-count", count(s.requests), `requests in ${count(s.conversations)} conversations, ${count(s.errors)} failed`),
    figure("cache-hits", share(s.cache_hit_rate), `from the provider's cache (${share(s.passthrough_cache_hit_rate)} as it came)`),
    figure("retrievals-count", count(s.retrievals.count), `retrievals, ${short(s.retrievals.tokens)} tokens`),
    figure("added", millis(s.latency.added_ms.p50), `added (p99 ${millis(s.latency.added_ms.p99)})`),
    figure("first-byte", millis(s.latency.first_byte_ms.p50), `to the first byte (p99 ${millis(s.latency.first_byte_ms.p99)})`),
  );
}

function rowsTable(rows) {
  const texts = rows.length && rows[0].billed_usd === undefined;
  const columns = [[dimension, (r) => r.name, "name"]];
  if (texts) {
    columns.push(
      ["results", (r) => count(r.texts), "number"],
      ["tokens before", (r) => short(r.tokens_before), "number wide"],
      ["after", (r) => short(r.tokens_after), "number wide"],
      ["saved", (r) => short(r.tokens_saved), "number"],
      ["retrieved", (r) => short(r.retrieved_tokens), "number"],
      ["net", (r) => short(r.net_tokens), "number"],
    );
  } else {
    columns.push(
      ["requests", (r) => count(r.requests), "number"],
      ["billed", (r) => usd(r.billed_usd), "number"],
      ["as it came", (r) => usd(r.passthrough_usd), "number wide"],
      ["saved", (r) => usd(r.saved_usd), "number"],
      ["", (r) => percent(r.saved_percent), "number"],
    );
  }
  return table(columns, rows, "Nothing in this period.");
}

function requestsTable(requests) {
  const open = (r) => element("button", { type: "button", onclick: () => inspect(r.id) }, when(r.at));
  const columns = [
    ["time", open],
    ["model", (r) => r.model, "name"],
    ["client", (r) => r.client, "name wide"],
    ["project", (r) => r.project, "name wide"],
    ["status", (r) => String(r.status), "number"],
    ["read", (r) => short(r.tokens_read), "number"],
    ["saved", (r) => short(r.tokens_saved), "number"],
    ["bill", (r) => usd(r.billed_usd), "number"],
    ["added", (r) => millis(r.ms_added), "number wide"],
    ["reasons", (r) => r.reasons.join(", "), "name wide"],
  ];
  return table(columns, requests, "No requests yet.");
}

function retrievalsTable(retrievals) {
  const columns = [
    ["time", (r) => when(r.at)],
    ["original", (r) => r.id],
    ["asked", (r) => r.asked, "name"],
    ["tokens", (r) => count(r.tokens), "number"],
    ["", (r) => element("button", { type: "button", onclick: () => inspect(r.request) }, "request")],
  ];
  return table(columns, retrievals, "Nothing was asked for: what was shown was enough.");
}

function strategiesTable(strategies) {
  const columns = [
    ["compressor", (s) => s.compressor],
    ["tool", (s) => s.tool, "name"],
    ["uses", (s) => count(s.uses), "number"],
    ["saved", (s) => short(s.saved), "number"],
    ["retrieved", (s) => short(s.retrieved), "number wide"],
    ["read again", (s) => short(s.reread), "number wide"],
    ["net", (s) => short(s.net), "number"],
    ["state", (s) => s.state],
  ];
  return table(columns, strategies, "None was used yet.");
}

function tabs() {
  const pick = (name) => {
    dimension = name;
    shown.rows = undefined;
    for (const tab of by("dimensions").children) {
      const here = tab.textContent === name;
      tab.setAttribute("aria-selected", here);
      tab.tabIndex = here ? 0 : -1;
    }
    refresh();
  };
  const step = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = DIMENSIONS[(DIMENSIONS.indexOf(dimension) + by + DIMENSIONS.length) % DIMENSIONS.length];
    pick(next);
    document.getElementById(`tab-${next}`).focus();
  };
  const made = DIMENSIONS.map((name) =>
    element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "by", "aria-selected": name === dimension, tabindex: name === dimension ? 0 : -1, onclick: () => pick(name), onkeydown: step }, name),
  );
  by("dimensions").replaceChildren(...made);
}

function state(text) {
  if (by("state").textContent !== text) by("state").textContent = text;
}

by("period").addEventListener("change", refresh);
by("more").addEventListener("click", () => {
  lines += LINES;
  refresh();
});
by("pause").addEventListener("click", async () => {
  const { paused } = await ask(by("pause").textContent === "Resume" ? "/resume" : "/pause", { method: "POST" });
  by("pause").textContent = paused ? "Resume" : "Pause";
});
by("login").addEventListener("submit", (event) => {
  event.preventDefault();
  remember(by("token").value.trim());
  refresh();
});
tokenFromAddress();
tabs();
await refresh();
setInterval(() => document.hidden || refresh(), EVERY_MS);
