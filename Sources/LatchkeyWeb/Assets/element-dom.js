/**
 * Elements out of texts, for `<latchkey-keys>`. Nothing here parses markup: a stored text stays a text.
 *
 * @module
 */

const ICONS = {
  out: "M7 17 17 7M9 7h8v8",
  chevron: "m6 9 6 6 6-6",
  close: "M6 6l12 12M18 6 6 18",
  key: "M7.5 20a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM10 14l10-10M16.5 7.5l3 3",
};

/** @typedef {Node|string|number|null|undefined|false|Child[]} Child */

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] `true` is an attribute without a value; `false`, null: none
 * @param {...Child} children
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(9).filter((child) => child || child === 0));
  return element;
}

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const made = (tag, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const svg = made("svg", { class: `icon ${name}`, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" });
  svg.append(made("path", { d: ICONS[name] }));
  return svg;
}

/**
 * A text from outside: apart in its direction, without control characters, and no longer than anybody reads. The whole
 * of it, up to a length, is in the tooltip.
 */
export function stored(text, longest = 120) {
  const clean = plain(text);
  const characters = [...clean.slice(0, 4 * longest)];
  const isCut = characters.length > longest || clean.length > 4 * longest;
  const shown = isCut ? `${characters.slice(0, longest).join("")}…` : clean;
  return h("bdi", { class: "stored", title: isCut || clean.length > 24 ? clean.slice(0, 400) : null }, shown);
}

/** The text without control characters, and without those that turn directions around. */
export function plain(text) {
  const start = String(text ?? "").slice(0, 4096);
  return start.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "").replace(/\p{Cc}/gu, " ");
}

/** The address if it is https and holds no user; else null. */
export function webAddress(text) {
  try {
    const url = new URL(text);
    return url.protocol === "https:" && !url.username && !url.password ? url : null;
  } catch {
    return null;
  }
}

/** A link that opens elsewhere and tells nothing about this page; only the words where the address is not https. */
export function outward(address, ...children) {
  const url = webAddress(address);
  if (!url) return null;
  const attributes = { class: "link", part: "link", href: url.href, target: "_blank", rel: "noopener noreferrer" };
  return h("a", attributes, ...children, icon("out"));
}

/**
 * Makes `from` like `to` and keeps what is the same already, so that focus, selection and open dialogs stay.
 * Children with `data-key` are found again by it. Values of fields are left alone.
 */
export function patch(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name)) from.removeAttribute(name);
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  if (from.type === "checkbox") from.checked = to.hasAttribute("checked");
  patchChildren(from, to);
}

function patchChildren(from, to) {
  const keyed = new Map([...from.children].map((child) => [child.dataset?.key, child]));
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const key = wanted.dataset?.key;
    const found = key === undefined ? (at?.dataset?.key === undefined ? at : null) : keyed.get(key);
    if (!found || found.nodeName !== wanted.nodeName) {
      from.insertBefore(wanted, at);
      continue;
    }
    if (found === at) at = at.nextSibling;
    else from.insertBefore(found, at);
    patch(found, wanted);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}
