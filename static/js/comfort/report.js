// @ts-check
// Tell whoever runs the server that a shared program should not be there.
import { closeButton, openDialog } from "../dialog.js";
import { h, patch } from "../dom.js";
import { laterWords, t } from "../i18n.js";

/** Characters of a reason (app/api.py). */
const LONGEST = 500;

/** @param {string} link its id */
export async function reportDialog(link) {
  await laterWords();
  const reason = h("textarea", { id: "report-reason", rows: 4, maxlength: LONGEST, required: true });
  const said = h("p", { role: "status" });
  const give = h("button", { class: "btn run" }, t("report.give"));
  const form = h("form", { class: "fields" }, h("label", { for: "report-reason" }, t("report.reason", { n: LONGEST })), reason, h("div", { class: "ends" }, give));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!reason.value.trim()) return reason.focus();
    give.disabled = true;
    patch(said, t("report.sending"));
    try {
      const answer = await fetch(`/api/links/${link}/reports`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ reason: reason.value.trim() }) });
      if (!answer.ok) throw new Error((await answer.json().catch(() => null))?.error?.message ?? String(answer.status));
      form.remove();
      said.className = "";
      patch(said, t("report.done"));
    } catch (error) {
      give.disabled = false;
      said.className = "wrong";
      patch(said, t("report.failed", { text: error instanceof Error ? error.message : String(error) }));
    }
  });
  openDialog(t("report.title"), [h("p", { class: "what" }, t("report.about")), form, said, closeButton(t("dialog.close"))]);
  reason.focus();
}
