// @ts-check
// The share dialog: a readable link, one that holds everything itself, a short one from the server; and files to keep.
import { fill, h } from "../dom.js";
import { laterWords, t } from "../i18n.js";
import { exportPart } from "./exporting.js";
import { imagePart } from "./image.js";
import { LONGEST_LINK, copyText, momentOf, packedLink, readableLink } from "./moment.js";

/**
 * Ask the server to keep the moment and give it a short address.
 * @param {import("./moment.js").Moment} moment
 */
async function shortLink(moment) {
  const answer = await fetch("/api/links", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(moment),
  });
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(body?.error?.message ?? body?.message ?? t("share.failed", { status: String(answer.status) }));
  return new URL(body.url, location.href).href;
}

/**
 * Show what there is to share of the shown step.
 * @param {import("../session.js").Session} session
 */
export async function share(session) {
  const { state } = session;
  await laterWords();
  const moment = structuredClone(momentOf(state));
  const back = document.activeElement;
  // Whoever guesses each step shares that, too.
  const query = state.predict ? "?predict=1" : "";
  const readable = readableLink(state, location.origin);
  const packed = await packedLink(moment, location.origin, query).catch(() => null);
  const rows = [
    readable ? linkRow("readable", readable) : null,
    packed && packed.length <= LONGEST_LINK ? linkRow("packed", packed)
      : tier("packed", h("p", { class: "none" }, packed ? t("share.long", { n: packed.length, most: LONGEST_LINK }) : t("share.cannot"))),
    shortRow(moment, query),
  ];
  const dialog = h("dialog", { class: "dialog share", "aria-labelledby": "share-title" },
    h("h2", { id: "share-title" }, t("share.title")),
    h("p", {}, t("share.what", { n: state.tick })), rows, imagePart(state), exportPart(state), comparePart(session),
    h("form", { method: "dialog" }, h("button", { class: "btn edge" }, t("dialog.close"))));
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (back instanceof HTMLElement) back.focus();
  });
  dialog.showModal();
  const first = dialog.querySelector("input");
  first?.focus();
  first?.select();
}

/** The way to the comparison with another run. @param {import("../session.js").Session} session */
function comparePart(session) {
  return h("section", { class: "tier", "aria-labelledby": "diff-tier" }, h("h3", { id: "diff-tier" }, t("diff.title")), h("p", { class: "what" }, t("diff.about")),
    h("button", { type: "button", class: "btn edge", id: "diff-open", disabled: !session.state.frontier, on: { click: async () => {
      const { openDiff } = await import("../diff/diff.js");
      /** @type {HTMLDialogElement | null} */ (document.querySelector(".dialog.share"))?.close();
      await openDiff(session);
    } } }, t("diff.button")));
}

/** A part of the dialog. @param {string} name @param {...import("../dom.js").Child} children */
function tier(name, ...children) {
  const titles = /** @type {Record<string, () => string>} */ ({
    readable: () => t("share.readable"), packed: () => t("share.packed"), short: () => t("share.short"),
  });
  return h("section", { class: "tier", "aria-labelledby": `share-t-${name}` }, h("h3", { id: `share-t-${name}` }, titles[name]()), children);
}

/**
 * @param {string} name
 * @param {string} link
 */
function linkRow(name, link) {
  const about = name === "readable" ? t("share.readable.about") : name === "packed" ? t("share.packed.about") : t("share.short.about");
  return tier(name, h("p", { class: "what", id: `share-a-${name}` }, about), field(name, link));
}

/**
 * A link that can be read, selected and copied.
 * @param {string} name
 * @param {string} link
 */
function field(name, link) {
  const input = h("input", { id: name === "short" ? "share-link" : `share-${name}`, readonly: true, value: link, "aria-labelledby": `share-t-${name}`, "aria-describedby": `share-a-${name}` });
  input.addEventListener("focus", () => input.select());
  const said = h("span", { class: "sr", role: "status" });
  const copy = h("button", { type: "button", class: "btn edge", on: { click: async () => {
    const done = (await copyText(link)) ? t("share.copied") : t("share.copyfailed");
    fill(copy, done);
    fill(said, done);
    input.focus();
  } } }, t("share.copy"));
  copy.setAttribute("aria-describedby", `share-t-${name}`);
  return h("div", { class: "sharerow" }, input, copy, said);
}

/** The short link is made when it is asked for: until then nothing is stored. @param {import("./moment.js").Moment} moment @param {string} query */
function shortRow(moment, query) {
  const body = h("div", { role: "status" });
  const make = h("button", { type: "button", class: "btn edge", id: "share-make", on: { click: async () => {
    make.disabled = true;
    fill(body, t("share.making"));
    try {
      const row = field("short", `${await shortLink(moment)}${query}`);
      make.remove();
      fill(body, row);
      row.querySelector("input")?.focus();
    } catch (error) {
      make.disabled = false;
      fill(body, h("p", { class: "wrong" }, error instanceof Error ? error.message : String(error)));
    }
  } } }, t("share.make"));
  return tier("short", h("p", { class: "what", id: "share-a-short" }, t("share.short.about")), make, body);
}
