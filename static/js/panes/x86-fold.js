// @ts-check
// Blocks that open and close: what is in one is fetched and drawn when it is opened.
import { h } from "../dom.js";
import { keep, recall } from "./x86-kept.js";

/**
 * A block that opens and closes, hidden until it has something; what is open is remembered.
 * @param {string} name
 * @param {string} title
 * @param {() => void} onOpen
 * @param {...import("../dom.js").Child} children
 */
export function folded(name, title, onOpen, ...children) {
  const meta = h("span", { class: "meta" });
  const node = h("details", { class: "block fold", hidden: true, open: recall(`open.${name}`, false) },
    h("summary", { class: "ph" }, h("h3", {}, title), meta), children);
  node.addEventListener("toggle", () => {
    keep(`open.${name}`, node.open);
    if (node.open) onOpen();
  });
  return { node, meta };
}
