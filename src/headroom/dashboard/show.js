// Figures as people read them, and elements. Text only ever goes in as text: it may come from anywhere.

const many = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const few = new Intl.NumberFormat("en", { maximumSignificantDigits: 3, notation: "compact" });

export const count = (n) => (n == null ? "–" : many.format(n));
export const short = (n) => (n == null ? "–" : few.format(n));
export const percent = (n) => (n == null ? "–" : `${n.toFixed(1)} %`);
export const share = (n) => (n == null ? "–" : percent(100 * n));
export const millis = (n) => (n == null ? "–" : `${n < 10 ? n.toFixed(1) : many.format(n)} ms`);
export const when = (seconds) => new Date(1000 * seconds).toLocaleString([], { dateStyle: "short", timeStyle: "medium" });

export function usd(n) {
  if (n == null) return "–";
  const size = Math.abs(n);
  const digits = size >= 100 ? 0 : size >= 0.1 || size === 0 ? 2 : 4;
  return `${n < 0 ? "−" : ""}$${size.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value != null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

export function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// columns: [title, value of a row, class ("number", "name", "wide")]
export function table(columns, rows, nothing) {
  if (!rows.length) return element("p", { class: "none" }, nothing);
  const head = columns.map(([title, , kind]) => element("th", { scope: "col", class: kind }, title));
  const body = rows.map((row) =>
    element("tr", {}, ...columns.map(([, value, kind]) => element("td", { class: kind, title: kind === "name" ? value(row) : null }, value(row)))),
  );
  return element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body));
}
