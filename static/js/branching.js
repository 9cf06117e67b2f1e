// @ts-check
// Branches: other ways on from a moment of the past. Changing a value begins one; the recording as it was stays.
import { closeButton, openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { laterWords, t } from "./i18n.js";
import { WireError } from "./wire.js";

/** @typedef {import("./session.js").Session} Session */

/** Characters of a branch's name (engine/session.py). */
const LONGEST_NAME = 60;

/**
 * Change a value at the shown step and run on from there. Throws an error with a sentence if the machine refuses.
 * @param {Session} session
 * @param {Record<string, any>} target  as in docs/views.md
 * @param {{t: string, s: string}} value
 */
export async function editValue(session, target, value) {
  if (session.state.phase !== "ready") throw new Error(t("edit.busy"));
  await session.change("edit", { target, value }, true);
}

/**
 * Show another branch, at the same step or as far as it goes.
 * @param {Session} session
 * @param {number} id
 */
export async function switchBranch(session, id) {
  if (session.state.phase !== "ready" || id === session.state.branch) return;
  try {
    await session.change("branch", { to: id }, false);
  } catch (error) {
    await say(session, error);
  }
}

/**
 * @param {Session} session
 * @param {unknown} error
 */
async function say(session, error) {
  await laterWords();
  if (!(error instanceof WireError)) throw error;
  session.store.set({ notice: { key: "notice.error", args: { text: error.message }, tone: "error" } });
}

/**
 * Ask for a name of the shown branch.
 * @param {Session} session
 */
export async function askName(session) {
  await laterWords();
  const { branches, branch } = session.state;
  const shown = branches.find((one) => one.id === branch);
  if (!shown) return;
  const field = h("input", { id: "branch-name", autocomplete: "off", maxlength: LONGEST_NAME, required: true, value: shown.name });
  const form = h("form", { method: "dialog", class: "fields" }, h("label", { for: "branch-name" }, t("fork.name")), field,
    h("div", { class: "ends" }, h("button", { class: "btn run" }, t("branch.rename"))));
  const dialog = openDialog(t("branch.rename"), [h("p", { class: "what" }, changeText(shown)), form, closeButton(t("dialog.close"))]);
  form.addEventListener("submit", (event) => {
    if (!field.value.trim()) return event.preventDefault();
    session.change("branch", { to: branch, name: field.value.trim() }, false).catch((error) => say(session, error));
  });
  field.select();
  return dialog;
}

/**
 * What began a branch.
 * @param {import("./store.js").Branch} branch
 */
export function changeText({ tick, change }) {
  if (change?.old && change?.new) return t("fork.change", { n: tick, old: change.old.s, new: change.new.s });
  if (change?.input !== undefined) return t("fork.input", { n: tick });
  return t("branch.trunk");
}
