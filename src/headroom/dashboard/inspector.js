// One request, block by block: what came, what went, what was left out and why a block stayed as it was.

import { ask } from "./api.js";
import { count, element, millis, short, usd, when } from "./show.js";

export async function inspect(id) {
  const dialog = document.getElementById("inspector"), inside = document.getElementById("inspected");
  document.getElementById("inspector-title").textContent = `Request ${id}`;
  inside.replaceChildren(element("p", { class: "none" }, "…"));
  if (!dialog.open) dialog.showModal();
  try {
    const request = await ask(`/stats/requests/${encodeURIComponent(id)}`);
    inside.replaceChildren(facts(request), ...request.texts.map(block));
  } catch (error) {
    inside.replaceChildren(element("p", { class: "bad" }, error.message));
  }
}

function facts(r) {
  const text = [
    `${when(r.at)} · ${r.model || "?"} · ${r.client || "?"} · project ${r.project} · status ${r.status}`,
    `read ${count(r.tokens_read)} tokens for ${usd(r.billed_usd)}, ${usd(r.passthrough_usd)} as it came; added ${millis(r.ms_added)}`,
    r.reasons.length ? `reasons: ${r.reasons.join(", ")}` : "",
    r.texts.length ? "" : "No new texts in this request: everything in it was sent before.",
  ];
  return element("p", {}, text.filter(Boolean).join("\n"));
}

function block(text) {
  const changed = text.reason === "compressed";
  const said = changed
    ? `${text.tool || "text"}: ${short(text.tokens_before)} → ${short(text.tokens_after)} tokens, ${text.compressor}${text.lossless ? ", lossless" : ""}`
    : `${text.tool || "text"}: ${short(text.tokens_before)} tokens, as it came: ${text.reason}${text.detail ? ` (${text.detail})` : ""}`;
  const inside = element("div");
  const made = element("details", { class: "block" }, element("summary", {}, said), inside);
  made.addEventListener("toggle", () => made.open && !inside.childElementCount && fill(inside, text), { once: false });
  return made;
}

function fill(inside, text) {
  const left = text.omissions.map((o) => element("li", {}, `${count(o.count)} ${o.unit}${o.kind ? `: ${o.kind}` : ""}${ranges(o)}`));
  if (left.length) inside.append(element("p", {}, "Left out:"), element("ul", {}, ...left));
  if (text.before == null && text.after == null) {
    inside.append(element("p", { class: "none" }, text.id ? "The original is not kept any more." : "Nothing was changed, so nothing was kept."));
    return;
  }
  const had = new Set((text.before ?? "").split("\n"));
  const after = element("pre", { tabindex: 0 });
  for (const line of (text.after ?? "").split("\n")) after.append(had.has(line) ? `${line}\n` : element("mark", {}, `${line}\n`));
  inside.append(
    element("div", { class: "sides" },
      element("div", {}, element("h4", {}, "as it came"), element("pre", { tabindex: 0 }, text.before ?? "not kept any more")),
      element("div", {}, element("h4", {}, "as forwarded (marked: lines that the original has not)"), after)),
  );
}

function ranges(omission) {
  const shown = (omission.ranges ?? []).slice(0, 8).map(([a, b]) => (a === b ? `${a}` : `${a}–${b}`));
  return shown.length ? ` (${shown.join(", ")}${omission.ranges.length > 8 ? ", …" : ""})` : "";
}
