// Asks the proxy. The token comes in the address behind the #, which browsers send to nobody, and stays in this tab.

const KEY = "headroom-token";
const answered = new Map(); // what was answered last under an address, and by which tag to ask whether it still holds

export class Unauthorized extends Error {}

export function tokenFromAddress() {
  const found = /[#&]token=([^&]+)/.exec(location.hash);
  if (!found) return;
  remember(decodeURIComponent(found[1]));
  history.replaceState(null, "", location.pathname + location.search);
}

export function remember(token) {
  sessionStorage.setItem(KEY, token);
}

export const hasToken = () => sessionStorage.getItem(KEY) != null;

// The very same object as before where nothing has changed.
export async function ask(path, method = "GET") {
  const before = answered.get(path);
  const headers = { "x-headroom-token": sessionStorage.getItem(KEY) ?? "" };
  if (before?.tag) headers["If-None-Match"] = before.tag;
  const reply = await fetch(path, { method, headers, cache: "no-store" });
  if (reply.status === 304) return before.said;
  if (reply.status === 401) throw new Unauthorized();
  const said = await reply.json();
  if (!reply.ok) throw new Error(said.error?.message ?? `${path}: ${reply.status}`);
  const tag = reply.headers.get("ETag");
  if (tag) answered.set(path, { tag, said });
  return said;
}
