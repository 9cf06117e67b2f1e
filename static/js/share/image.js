// @ts-check
// The part of the share dialog that makes an image of the shown step: the server draws it from the moment, and keeps nothing.
import { fill, h } from "../dom.js";
import { language, t } from "../i18n.js";
import { momentOf } from "./moment.js";
import { save } from "./recording.js";

/** Whether the page is dark now, whoever chose it. */
function isDark() {
  return getComputedStyle(document.documentElement).colorScheme === "dark";
}

/**
 * @param {import("../store.js").State} state
 * @param {"png" | "svg"} format
 * @returns {Promise<Blob>}
 */
async function image(state, format) {
  const { panes: _panes, breakpoints: _breakpoints, notes: _notes, ...moment } = momentOf(state);
  const title = state.example ? (state.example.title[language()] ?? state.example.title.en) : state.files[0].name;
  const answer = await fetch("/api/pictures", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ moment, title, format, theme: isDark() ? "dark" : "light", lang: language() }),
  });
  if (answer.ok) return answer.blob();
  const body = await answer.json().catch(() => null);
  throw new Error(body?.error?.message ?? t("share.failed", { status: String(answer.status) }));
}

/**
 * @param {import("../store.js").State} state
 */
export function imagePart(state) {
  const said = h("p", { class: "what", role: "status" });
  const preview = h("img", { alt: t("image.alt"), width: "400", height: "210", hidden: true });
  const name = (state.example?.name ?? state.files[0].name.replace(/\.\w+$/, "")) || state.room.name;
  const file = (/** @type {string} */ ending) => `${name}-${state.tick}.${ending}`;
  /** @param {Blob} blob */
  const show = (blob) => {
    const reader = new FileReader();
    // As data: the page's policy lets images come from nowhere else.
    reader.onload = () => {
      preview.src = String(reader.result);
      preview.hidden = false;
    };
    reader.readAsDataURL(blob);
  };
  /**
   * @param {string} id
   * @param {string} text
   * @param {() => Promise<string>} act   answers what to say
   */
  const button = (id, text, act) => {
    const node = h("button", { type: "button", class: "btn edge", id, disabled: !state.program, on: { click: async () => {
      node.disabled = true;
      fill(said, t("export.working"));
      try {
        fill(said, await act());
      } catch (error) {
        fill(said, h("span", { class: "wrong" }, error instanceof Error ? error.message : String(error)));
      }
      node.disabled = false;
    } } }, text);
    return node;
  };
  const keep = async (/** @type {"png" | "svg"} */ format) => {
    const blob = await image(state, format);
    save(blob, file(format));
    show(blob);
    return t("export.saved", { name: file(format), n: Math.ceil(blob.size / 1024) });
  };
  const copy = async () => {
    const blob = image(state, "png");
    try {
      // The clipboard takes the promise, so that the click still counts when the picture is there.
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    } catch {
      save(await blob, file("png"));
      show(await blob);
      return t("image.refused");
    }
    show(await blob);
    return t("image.copied");
  };
  return h("section", { class: "tier", "aria-labelledby": "image-title" },
    h("h3", { id: "image-title" }, t("image.title")),
    h("p", { class: "what" }, t("image.about")),
    h("div", { class: "saves" }, button("image-copy", t("image.png"), copy), button("image-png", t("image.savepng"), () => keep("png")), button("image-svg", t("image.svg"), () => keep("svg"))),
    said, preview);
}
