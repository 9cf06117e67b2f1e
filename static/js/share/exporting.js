// @ts-check
// The part of the share dialog that makes files.
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { save, traceJson, transcript } from "./recording.js";
import { replayFile } from "./replay.js";

/** @typedef {import("../store.js").State} State */

/**
 * Buttons that save the recording, and a line that says how it went.
 * @param {State} state
 */
export function exportPart(state) {
  const said = h("p", { class: "what", role: "status" });
  const name = (state.example?.name ?? state.files[0].name.replace(/\.\w+$/, "")) || state.room.name;
  /**
   * @param {string} id
   * @param {string} text
   * @param {string} file
   * @param {(state: State) => Promise<Blob>} make
   */
  const button = (id, text, file, make) => {
    const node = h("button", { type: "button", class: "btn edge", id, disabled: !state.frontier, on: { click: async () => {
      node.disabled = true;
      fill(said, t("export.working"));
      try {
        const blob = await make(state);
        save(blob, file);
        fill(said, t("export.saved", { name: file, n: Math.ceil(blob.size / 1024) }));
      } catch (error) {
        fill(said, h("span", { class: "wrong" }, error instanceof Error ? error.message : String(error)));
      }
      node.disabled = false;
    } } }, text);
    return node;
  };
  return h("section", { class: "tier", "aria-labelledby": "export-title" },
    h("h3", { id: "export-title" }, t("export.title")),
    h("div", { class: "saves" },
      button("export-html", t("export.html"), `${name}.html`, replayFile),
      button("export-markdown", t("export.markdown"), `${name}.md`, transcript),
      button("export-json", t("export.json"), `${name}-trace.json`, traceJson)),
    state.stale ? h("p", { class: "none" }, t("export.stale")) : null, said);
}
