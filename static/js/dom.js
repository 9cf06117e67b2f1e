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

/** What `patch` knows a node by, among its siblings. @type {WeakMap<Node, string | number>} */
const keys = new WeakMap();
/** What of the machine a node shows. @type {WeakMap<Node, any>} */
const things = new WeakMap();
/** Nodes with equal signs look the same. @type {WeakMap<Node, string>} */
const signs = new WeakMap();
/** Listeners of nodes, by type: `patch` can exchange them. @type {WeakMap<Element, Record<string, (event: any) => void>>} */
const listeners = new WeakMap();

/**
 * @this {Element}
 * @param {Event} event
 */
function hear(event) {
  listeners.get(this)?.[event.type]?.call(this, event);
}

/**
 * Have `node` listen to these and to nothing else.
 * @param {Element} node
 * @param {Record<string, (event: any) => void>} on
 */
function listen(node, on) {
  const had = listeners.get(node);
  for (const type of Object.keys(on)) if (!had || !(type in had)) node.addEventListener(type, hear);
  listeners.set(node, had ? { ...Object.fromEntries(Object.keys(had).map((type) => [type, () => {}])), ...on } : on);
}

/**
 * @param {Element} node
 * @param {Record<string, any>} props
 */
function assign(node, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") listen(node, value);
    else if (name === "key") keys.set(node, value);
    else if (name === "holds") things.set(node, value);
    else if (name === "same") signs.set(node, value);
    else if (name === "style") {
      // Through the CSSOM: the page's policy forbids style attributes.
      for (const [key, text] of Object.entries(value)) /** @type {HTMLElement} */ (node).style.setProperty(key, text);
    } else if (name === "value") /** @type {HTMLInputElement} */ (node).value = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * An HTML element. Props are attributes, except `on` ({type: listener}), `style` ({property: text}), `value`, and
 * `key`, by which `patch` finds the node again among its siblings, `holds`: what of the machine it shows, and
 * `same`: a text; `patch` leaves a node as it is whose text is the same.
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
 * Let `patch` take a node for another one from now on: writing a row anew is cheaper than making one.
 * @param {Node} node
 * @param {string | number} key
 */
export function rekey(node, key) {
  keys.set(node, key);
}

/**
 * What of the machine a node shows, as its maker said by `holds`.
 * @param {Node} node
 */
export function held(node) {
  return things.get(node);
}

/**
 * Make `node` contain what `fill` would put into it, by changing only what differs: what stays the same stays the same
 * node, keeps the focus and is not painted again. The children must be freshly made, and nobody may hold on to them.
 * @param {Element} node
 * @param {...Child} children
 */
export function patch(node, ...children) {
  const made = document.createElement("div");
  append(made, children);
  patchChildren(node, made);
}

/**
 * @param {Element} node
 * @param {Element} made
 */
function patchChildren(node, made) {
  /** @type {Map<string | number, Node>} */
  const keyed = new Map();
  for (let child = node.firstChild; child; child = child.nextSibling) {
    const key = keys.get(child);
    if (key !== undefined) keyed.set(key, child);
  }
  let at = node.firstChild;
  let next = made.firstChild;
  while (next) {
    const wanted = next;
    next = next.nextSibling;
    const key = keys.get(wanted);
    /** @type {ChildNode | null} */
    let known = null;
    if (key !== undefined) known = /** @type {ChildNode | undefined} */ (keyed.get(key)) ?? null;
    else if (at && keys.get(at) === undefined) known = at;
    if (!known) {
      node.insertBefore(wanted, at);
      continue;
    }
    if (known !== at) {
      // Rows before it are gone more often than it has moved up.
      if (at && at.nextSibling === known) at.remove();
      else node.insertBefore(known, at);
    }
    at = known.nextSibling;
    if (!patchNode(known, wanted)) node.replaceChild(wanted, known);
  }
  while (at) {
    const old = at;
    at = at.nextSibling;
    old.remove();
  }
}

/**
 * Make `node` like `wanted`, if they are of one kind.
 * @param {Node} node
 * @param {Node} wanted
 * @returns {boolean} whether it could be done
 */
function patchNode(node, wanted) {
  if (node.nodeName !== wanted.nodeName) return false;
  if (!(node instanceof Element)) {
    if (node.nodeValue !== wanted.nodeValue) node.nodeValue = wanted.nodeValue;
    return true;
  }
  const model = /** @type {Element} */ (wanted);
  const sign = signs.get(model);
  if (sign !== undefined && sign === signs.get(node)) return true;
  if (sign !== undefined || signs.has(node)) signs.set(node, sign ?? "");
  for (const { name, value } of model.attributes) {
    if (node.getAttribute(name) === value) continue;
    // Through the CSSOM, as the policy asks.
    if (name === "style") /** @type {HTMLElement} */ (node).style.cssText = value;
    else node.setAttribute(name, value);
  }
  if (node.attributes.length !== model.attributes.length) {
    for (const { name } of [...node.attributes]) if (!model.hasAttribute(name)) node.removeAttribute(name);
  }
  const on = listeners.get(model);
  if (on || listeners.has(node)) listen(node, on ?? {});
  const thing = things.get(model);
  if (thing || things.has(node)) things.set(node, thing);
  const key = keys.get(model);
  if (key === undefined) keys.delete(node);
  else keys.set(node, key);
  patchChildren(node, model);
  return true;
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
