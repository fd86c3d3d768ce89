/* Building and patching the page without a framework: text only ever becomes text nodes, never markup. */

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * Makes an element. Attributes starting with `on` are listeners; `true` sets a bare attribute; null and false are left out.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any> | null} attributes
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/**
 * The same for SVG.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any> | null} attributes
 * @param {...(Child | Child[])} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Record<string, any> | null} attributes
 * @param {(Child | Child[])[]} children
 * @returns {E}
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === "number" ? String(child) : child);
  }
  return element;
}

/**
 * Shows one child per item, in order. A child is made again only when its item has changed, so that focus, scroll
 * position and half-filled forms survive the many updates of a live page.
 * @template T
 * @param {Element} container
 * @param {T[]} items
 * @param {(item: T) => string | number} keyOf
 * @param {(item: T) => Element} render
 */
export function renderKeyed(container, items, keyOf, render) {
  const former = new Map([...container.children].map((child) => [child.getAttribute("data-key"), child]));
  const children = items.map((item) => {
    const key = String(keyOf(item));
    const content = JSON.stringify(item);
    const old = former.get(key);
    if (old && contentOf.get(old) === content) return old;
    const element = render(item);
    element.setAttribute("data-key", key);
    contentOf.set(element, content);
    if (old) keepFocus(old, () => old.replaceWith(element));
    return element;
  });
  const wanted = new Set(children);
  for (const child of [...container.children]) if (!wanted.has(child)) child.remove();
  // Moving a node drops its focus, so a node that already stands in its place is left alone.
  children.forEach((child, index) => {
    if (container.children[index] !== child) {
      keepFocus(child, () => container.insertBefore(child, container.children[index] ?? null));
    }
  });
}

/** @type {WeakMap<Element, string>} */
const contentOf = new WeakMap();

/**
 * Replaces all children, keeping the focus on the element with the same `data-focus` name.
 * @param {Element} container
 * @param {...(Child | Child[])} children
 */
export function replace(container, ...children) {
  keepFocus(container, () => {
    container.replaceChildren();
    fill(container, null, children);
  });
}

/**
 * @param {Element} within
 * @param {() => void} change
 */
function keepFocus(within, change) {
  const active = document.activeElement;
  const name = active && within.contains(active) ? active.getAttribute("data-focus") : null;
  change();
  if (name) {
    const again = document.querySelector(`[data-focus="${CSS.escape(name)}"]`);
    if (again instanceof HTMLElement && document.activeElement !== again) again.focus({ preventScroll: true });
  }
}

/**
 * A token of the style sheet (`--accent`) as the canvas wants it.
 * @param {string} name
 */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/**
 * Joins many requests to draw into one per frame.
 * @param {() => void} draw
 */
export function oncePerFrame(draw) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}
