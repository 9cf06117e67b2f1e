// @ts-check
// Building DOM without HTML strings: every word that reaches the page is a text node.

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */

/**
 * Put children into `node`: strings become text, lists are flattened, null and false are left out.
 * @param {Element} node
 * @param {Child[]} children
 */
export function append(node, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(node, child);
    else node.append(child instanceof Node ? child : String(child));
  }
}

/**
 * @param {Element} node
 * @param {Record<string, any>} props
 */
function assign(node, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
    else if (name === "style") {
      // Through the CSSOM: the page's policy forbids style attributes.
      for (const [key, text] of Object.entries(value)) /** @type {HTMLElement} */ (node).style.setProperty(key, text);
    } else if (name === "value") /** @type {HTMLInputElement} */ (node).value = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * An HTML element. Props are attributes, except `on` ({type: listener}), `style` ({property: text}) and `value`.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  assign(node, props);
  append(node, children);
  return node;
}

/**
 * An SVG element.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function svg(tag, props = {}, ...children) {
  const node = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  assign(node, props);
  append(node, children);
  return node;
}

/**
 * Replace everything inside `node`.
 * @param {Element} node
 * @param {...Child} children
 */
export function fill(node, ...children) {
  node.replaceChildren();
  append(node, children);
}

/**
 * Set text only if it differs, so that an unchanged live region stays silent.
 * @param {Element} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * The element with this id, which the template promises to have.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`the page has no #${id}`);
  return node;
}

/**
 * Scroll `body`, and nothing around it, until `node` is in sight.
 * @param {HTMLElement} body
 * @param {Element | null | undefined} node
 */
export function keepInSight(body, node) {
  if (!node) return;
  const outer = body.getBoundingClientRect();
  const inner = node.getBoundingClientRect();
  if (inner.top < outer.top + 24 || inner.bottom > outer.bottom - 24) {
    body.scrollTop += inner.top - outer.top - body.clientHeight / 2;
  }
}

/**
 * Widths of a table's columns in pixels.
 * @param {...number} widths 0 = what is left
 */
export function columns(...widths) {
  return h("colgroup", {}, widths.map((w) => h("col", { style: w ? { width: `${w}px` } : {} })));
}
