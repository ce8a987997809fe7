// Figures as people read them, and elements. Text only ever goes in as text: it may come from anywhere.

const many = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const few = new Intl.NumberFormat("en", { maximumSignificantDigits: 3, notation: "compact" });
const NOTHING = "–";

const signed = (text) => text.replace("-", "−");

export const count = (n) => (n == null ? NOTHING : signed(many.format(n)));
export const short = (n) => (n == null ? NOTHING : signed(few.format(n)));
export const percent = (n) => (n == null ? NOTHING : signed(`${n.toFixed(1)} %`).replace(/^−(?=0\.0 )/, ""));
export const share = (n) => percent(n == null ? null : 100 * n);
export const things = (n, one, others = `${one}s`) => `${count(n)} ${n === 1 ? one : others}`;

export function millis(n) {
  if (n == null) return NOTHING;
  if (n >= 10_000) return `${(n / 1000).toFixed(1)} s`;
  return `${n < 10 ? n.toFixed(1) : many.format(n)} ms`;
}

export function usd(n) {
  if (n == null) return NOTHING;
  const size = Math.abs(n);
  const digits = size >= 1000 ? 0 : size >= 0.1 || size === 0 ? 2 : size >= 0.001 ? 4 : 6;
  return `${n < 0 ? "−" : ""}$${size.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

export function when(seconds) {
  const time = new Date(1000 * seconds), today = time.toDateString() === new Date().toDateString();
  const clock = time.toLocaleTimeString("en-GB");
  return today ? clock : `${day(seconds)} ${clock}`;
}

export const day = (seconds) => new Date(1000 * seconds).toLocaleDateString("en-GB", { month: "short", day: "numeric" });
export const hour = (seconds) =>
  new Date(1000 * seconds).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
// Days are those of UTC, as in the books.
export const utcDay = (seconds) =>
  new Date(1000 * seconds).toLocaleDateString("en-GB", { month: "short", day: "numeric", timeZone: "UTC" });

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

// Words in which `names` stand in backquotes.
export function worded(text) {
  return text.split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));
}

// A bar across a cell: how much a row has of what the row with most has.
export function bar(value, most) {
  const width = most > 0 ? Math.min(100, (100 * Math.abs(value ?? 0)) / most) : 0;
  const kind = value < 0 ? "lost" : "saved";
  return drawn("svg", { class: "bar", "aria-hidden": "true" }, drawn("rect", { class: kind, width: `${width}%`, height: "100%", rx: 2 }));
}

// columns: [title, value of a row, class ("number", "name", "wide": only where there is room), its kind in this row]
export function table(columns, rows, nothing) {
  if (!rows.length) return element("p", { class: "none" }, nothing);
  const head = columns.map(([title, , kind]) => element("th", { scope: "col", class: kind }, title));
  const cell = (row, [, value, kind = "", also]) => {
    const inside = value(row), classes = [kind, also?.(row)].filter(Boolean).join(" ");
    const long = kind.includes("name") && typeof inside === "string";
    return element("td", { class: classes || null, title: long ? inside : null }, inside);
  };
  const body = rows.map((row) => element("tr", {}, ...columns.map((column) => cell(row, column))));
  return element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body));
}

// Puts something in the place of what is there; who is at a button of it stays at the same one.
export function put(place, ...children) {
  const key = place.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  place.replaceChildren(...children);
  if (key !== undefined) [...place.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key)?.focus();
}
