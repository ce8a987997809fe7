// One request, text by text: what came, what went, what was left out and why a text stayed as it was.

import { ask } from "./api.js";
import { count, element, millis, percent, short, table, things, usd, when } from "./show.js";
import { MEANING } from "./words.js";

const CLASSES = { input: "input", cache_read: "cache read", cache_write: "cache write", cache_write_1h: "cache write, 1 h", output: "output" };

export async function inspect(id) {
  const dialog = document.getElementById("inspector"), inside = document.getElementById("inspected");
  const title = document.getElementById("inspector-title");
  title.textContent = `Request ${id}`;
  inside.replaceChildren(element("p", { class: "none" }, "…"));
  if (!dialog.open) dialog.showModal();
  try {
    const request = await ask(`/stats/requests/${encodeURIComponent(id)}`);
    if (title.textContent !== `Request ${id}`) return; // meanwhile another one was opened
    inside.replaceChildren(facts(request), bills(request), ...dryRun(request.would_save), ...texts(request.texts), ...retrievals(request.retrievals));
  } catch (error) {
    inside.replaceChildren(element("p", { class: "bad" }, error.message));
  }
}

function facts(r) {
  const given = {
    time: when(r.at), model: r.model || "–", client: r.client || "–", project: r.project, status: r.status,
    upstream: `${r.upstream}, ${r.endpoint}`, group: r.group.replace("_", " "),
    added: millis(r.ms_added), "first byte": millis(r.ms_first_byte),
    reasons: r.reasons.join(", ") || "–",
  };
  return element("dl", { class: "facts" }, ...Object.entries(given).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, String(value)))));
}

function bills(r) {
  const rows = Object.entries(CLASSES).filter(([name]) => r.billed[name] || r.passthrough[name]);
  const cost = ([, , unit], bill) => (unit ? usd(bill.usd) : null);
  const columns = [
    ["tokens", ([, text]) => text],
    [r.measured ? "billed" : "billed, estimated", (row) => cost(row, r.billed) ?? count(r.billed[row[0]]), "number"],
    ["as it came", (row) => cost(row, r.passthrough) ?? count(r.passthrough[row[0]]), "number"],
  ];
  if (r.billed.usd != null) rows.push(["usd", "money", true]);
  return element("div", { class: "scrolls bills" }, table(columns, rows, "The provider billed nothing."));
}

function dryRun(save) {
  if (!save) return [];
  const money = save.usd == null ? "" : `${usd(save.usd)} and `;
  return [element("p", {}, `Dry run: it went as it came. Shortened, ${money}${short(save.tokens)} tokens (${percent(save.percent)}) would have been saved.`)];
}

function texts(all) {
  if (!all.length) return [element("p", { class: "none" }, "No new texts: everything in this request was sent before.")];
  const largest = all.filter((t) => t.reason === "compressed").sort((a, b) => b.tokens_before - a.tokens_before)[0];
  return [element("h3", {}, things(all.length, "new text")), ...all.map((text) => block(text, text === largest))];
}

function block(text, open) {
  const changed = text.reason === "compressed", tool = element("strong", {}, text.tool || text.role);
  const said = changed
    ? ` ${count(text.tokens_before)} → ${count(text.tokens_after)} tokens, by ${text.compressor}${text.lossless ? ", lossless" : ""}`
    : ` ${count(text.tokens_before)} tokens, as it came: ${MEANING[text.reason] ?? text.reason}${text.detail ? ` (${text.detail})` : ""}`;
  const inside = element("div"), made = element("details", { class: "block" }, element("summary", {}, tool, said), inside);
  made.addEventListener("toggle", () => made.open && !inside.childElementCount && fill(inside, text));
  made.open = open;
  return made;
}

function fill(inside, text) {
  const left = text.omissions.map((o) => element("li", {}, `${count(o.count)} ${o.unit}${o.kind ? `: ${o.kind}` : ""}${ranges(o)}`));
  if (left.length) inside.append(element("p", {}, "Left out:"), element("ul", {}, ...left));
  if (text.before == null && text.after == null) {
    const why = text.id ? "The original is not kept any more." : "It went on as it came; such texts are kept nowhere.";
    inside.append(element("p", { class: "none" }, why));
    return;
  }
  const side = (title, mine, other, mark) =>
    element("div", {}, element("h4", {}, title), element("pre", { tabindex: 0, "aria-label": title }, ...marked(mine, other, mark)));
  inside.append(
    element("div", { class: "sides" },
      side("As it came (marked: not forwarded as it stands)", text.before, text.after, "del"),
      side("As forwarded (marked: not in the original)", text.after, text.before, "ins")),
  );
}

// The lines of a text, with those marked that the other one has not.
function marked(mine, other, mark) {
  if (mine == null) return [element("span", { class: "none" }, "not kept any more")];
  const had = other == null ? null : new Set(other.split("\n")), runs = [];
  for (const line of mine.split("\n")) {
    const isNew = had !== null && line !== "" && !had.has(line), last = runs.at(-1);
    if (last && last.isNew === isNew) last.lines.push(line);
    else runs.push({ isNew, lines: [line] });
  }
  return runs.map(({ isNew, lines }) => (isNew ? element(mark, {}, `${lines.join("\n")}\n`) : `${lines.join("\n")}\n`));
}

function ranges(omission) {
  const shown = (omission.ranges ?? []).slice(0, 8).map(([a, b]) => (a === b ? `${a}` : `${a}–${b}`));
  return shown.length ? ` (${shown.join(", ")}${omission.ranges.length > 8 ? ", …" : ""})` : "";
}

function retrievals(all) {
  if (!all.length) return [];
  const columns = [
    ["original", (r) => element("code", {}, r.id)],
    ["what of it", (r) => r.asked || "all", "name"],
    ["tokens", (r) => short(r.tokens), "number"],
  ];
  return [element("h3", {}, "Asked for by the model"), table(columns, all, "")];
}
