// Asks the proxy. The token comes in the address behind the #, which browsers send to nobody, and stays in this tab.

const KEY = "headroom-token";

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

export async function ask(path, options = {}) {
  const token = sessionStorage.getItem(KEY) ?? "";
  const reply = await fetch(path, { ...options, headers: { "x-headroom-token": token }, cache: "no-store" });
  if (reply.status === 401) throw new Unauthorized();
  const said = await reply.json();
  if (!reply.ok) throw new Error(said.error?.message ?? `${path}: ${reply.status}`);
  return said;
}
