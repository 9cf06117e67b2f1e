// @ts-check
// The form in which a value of the shown step is changed, in its place or in a dialog.
import { editValue } from "./branching.js";
import { held, h } from "./dom.js";
import { laterWords, t } from "./i18n.js";

/**
 * What a cell that can be changed holds.
 * @typedef {object} Editable
 * @property {Record<string, any>} target   as in docs/views.md
 * @property {{t: string, s: string}} value what it is now
 * @property {string} label                 its name for labels: `R3 n`, `AX`
 */

/**
 * What somebody typed as a value `{t, s}`; throws an error with a sentence.
 * @param {string} text
 * @param {{t: string, s: string}} old  its kind says how to read digits
 * @returns {{t: string, s: string}}
 */
export function parsed(text, old) {
  const typed = text.trim();
  if (old.t === "bits") {
    const digits = typed.replace(/^0x|h$/gi, "").replaceAll("_", "").replaceAll(" ", "").toLowerCase();
    if (!/^[0-9a-f]+$/.test(digits)) throw new Error(t("edit.hex"));
    const short = digits.replace(/^0+(?=.)/, "");
    if (short.length > old.s.length) throw new Error(t("edit.wide", { n: old.s.length * 4 }));
    return { t: "bits", s: short.padStart(old.s.length, "0") };
  }
  if (typed === "nil") return { t: "nil", s: "nil" };
  if (typed === "true" || typed === "false") return { t: "boolean", s: typed };
  if (/^[+-]?(\d+|0x[\da-f]+)$/i.test(typed)) {
    const sign = typed.startsWith("-") ? -1n : 1n;
    const whole = sign * BigInt(typed.replace(/^[+-]/, ""));
    if (whole >= -(2n ** 63n) && whole < 2n ** 63n) return { t: "integer", s: String(whole) };
    throw new Error(t("edit.large"));
  }
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(typed)) return { t: "float", s: typed };
  if (/^[+-]?(inf|nan)$/i.test(typed)) return { t: "float", s: typed.toLowerCase() };
  if (/^"(?:[^"\\]|\\.)*"$/.test(typed)) return { t: "string", s: typed };
  if (/^'[^'\\]*'$/.test(typed)) return { t: "string", s: `"${typed.slice(1, -1).replaceAll('"', '\\"')}"` };
  throw new Error(t("edit.value"));
}

/**
 * The form in which a value is typed. `done` hears whether it was changed.
 * @param {Editable} editable
 * @param {import("./session.js").Session} session
 * @param {(changed: boolean) => void} done
 */
function valueForm({ target, value, label }, session, done) {
  const field = h("input", { autocomplete: "off", spellcheck: "false", value: "id" in value ? "" : value.s, "aria-label": t("edit.label", { name: label }) });
  const wrong = h("span", { class: "wrong", role: "alert", id: "edit-wrong" });
  const give = h("button", { class: "btn run" }, t("edit.set"));
  const form = h("form", { class: "valueform", novalidate: true }, field, give,
    h("button", { type: "button", class: "btn", "aria-label": t("edit.cancel"), title: t("edit.cancel"), on: { click: () => done(false) } }, "×"), wrong);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const wanted = parsed(field.value, value);
      give.disabled = true;
      await editValue(session, target, wanted);
      done(true);
    } catch (error) {
      give.disabled = false;
      wrong.textContent = error instanceof Error ? error.message : String(error);
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", "edit-wrong");
      field.focus();
    }
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    done(false);
  });
  return { form, field };
}

/**
 * Change the value that a cell shows, in its place.
 * @param {HTMLElement} cell
 * @param {import("./session.js").Session} session
 */
export async function editCell(cell, session) {
  await laterWords();
  const editable = held(cell);
  if (!editable || session.state.phase !== "ready" || session.state.stale) return;
  session.stop();
  const pane = /** @type {HTMLElement | null} */ (cell.closest(".body"));
  const r = cell.getBoundingClientRect();
  const back = document.activeElement;
  const { form, field } = valueForm(editable, session, () => {
    stop();
    form.remove();
    (back instanceof HTMLElement && back.isConnected && back !== document.body ? back : pane)?.focus({ preventScroll: true });
  });
  form.classList.add("inplace");
  // Outside of the pane, which cuts off what stands out of it.
  const width = Math.max(220, r.width);
  form.style.left = `${Math.round(Math.max(4, Math.min(r.left, innerWidth - width - 8)))}px`;
  form.style.top = `${Math.round(Math.min(r.top - 3, innerHeight - 80))}px`;
  form.style.width = `${Math.round(width)}px`;
  (cell.closest("main") ?? document.body).append(form);
  // Another step has other values: whoever goes there leaves this one.
  const stop = session.store.subscribe((_state, changed) => {
    if (!changed.has("tick") && !changed.has("program")) return;
    stop();
    form.remove();
  });
  form.addEventListener("focusout", (event) => {
    if (event.relatedTarget instanceof Node && form.contains(event.relatedTarget)) return;
    // A form that waits for the machine stays; one that was left is gone.
    if (!form.querySelector("button[disabled]") && !form.querySelector(".wrong")?.textContent) form.remove();
  });
  field.focus();
  field.select();
}

/**
 * The same for the keyboard and screen readers: choose what to change, then its value.
 * @param {import("./session.js").Session} session
 */
export async function editDialog(session) {
  await laterWords();
  const { openDialog, closeButton } = await import("./dialog.js");
  /** @type {Editable[]} */
  const all = [...document.querySelectorAll("[data-edit]")].map((cell) => held(cell)).filter(Boolean);
  const body = h("div", {});
  const choose = h("select", { id: "edit-what" }, all.map(({ label, value }, i) => h("option", { value: i }, `${label} = ${value.s}`)));
  const dialog = openDialog(t("edit.title", { n: session.state.tick }), [
    h("p", { class: "what" }, t("edit.about")),
    all.length ? h("div", { class: "fields" }, h("label", { for: "edit-what" }, t("edit.what")), choose) : h("p", { class: "none" }, t("edit.nothing")),
    body, closeButton(t("dialog.close")),
  ]);
  const show = () => {
    const editable = all[Number(choose.value)];
    if (editable) body.replaceChildren(valueForm(editable, session, () => dialog.close()).form);
  };
  choose.addEventListener("change", show);
  show();
  choose.focus();
}
