// @ts-check
// Adding, renaming and deleting a program's files; fetched when somebody wants to.
import { h } from "./dom.js";
import { laterWords, t } from "./i18n.js";

/** What a file may be called; links keep the same rule (app/links.py). */
const NAME = "[A-Za-z0-9_\\-][A-Za-z0-9_.\\-]{0,63}";

/**
 * Ask for a file's name in place of its tab. `done` hears it once; Escape, or leaving the field, changes nothing.
 * @param {Element} at          the button whose place the field takes
 * @param {string} suggestion
 * @param {string[]} taken
 * @param {(name: string) => void} done
 */
export async function askName(at, suggestion, taken, done) {
  await laterWords();
  const field = h("input", { class: "filename", value: suggestion, maxlength: 64, spellcheck: "false", "aria-label": t("files.name") });
  let over = false;
  const end = () => {
    if (over) return;
    over = true;
    field.replaceWith(at);
  };
  const back = () => {
    end();
    /** @type {HTMLElement} */ (at).focus();
  };
  const whole = new RegExp(`^${NAME}$`);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") back();
    else if (event.key === "Enter") {
      const name = field.value.trim();
      field.setCustomValidity(!whole.test(name) ? t("files.badname") : taken.includes(name) ? t("files.taken") : "");
      if (!field.reportValidity()) return;
      back();
      done(name);
    }
    event.stopPropagation();
  });
  field.addEventListener("input", () => field.setCustomValidity(""));
  field.addEventListener("blur", end);
  at.replaceWith(field);
  field.focus();
  field.setSelectionRange(0, suggestion.includes(".") ? suggestion.lastIndexOf(".") : suggestion.length);
}

/**
 * A name that no file has yet: module.lua, module2.lua, …
 * @param {string} ending with its dot
 * @param {string[]} taken
 */
export function freshName(ending, taken) {
  for (let n = 1; ; n++) {
    const name = `module${n > 1 ? n : ""}${ending}`;
    if (!taken.includes(name)) return name;
  }
}

/**
 * Whether the visitor really wants a file with text in it to go.
 * @param {import("./store.js").SourceFile} file
 */
export async function mayDelete(file) {
  await laterWords();
  return file.text.trim() === "" || confirm(t("files.sure", { name: file.name }));
}

/**
 * Let the visitor pick a file of theirs: text takes the place of the shown file's, an executable that of the program.
 * @param {import("./session.js").Session} session
 * @param {import("./store.js").Store} store
 */
export async function chooseFile(session, store) {
  await laterWords();
  const field = h("input", { type: "file", hidden: true });
  field.addEventListener("change", async () => {
    const [file] = field.files ?? [];
    field.remove();
    if (!file) return;
    const { room, options } = store.state;
    if (file.size > room.upload_bytes) {
      store.set({ notice: { text: t("files.long", { name: file.name, n: size(file.size), max: size(room.upload_bytes) }), tone: "error" } });
      return;
    }
    const bytes = new Uint8Array(await file.arrayBuffer());
    const name = file.name.replace(/[^A-Za-z0-9_.-]/g, "_").replace(/^[.-]+/, "").slice(0, 64) || "program";
    const text = asText(bytes);
    if (text === null) {
      const kind = room.kinds.find((/** @type {any} */ k) => hexAt(bytes, k.at, k.mark.length / 2) === k.mark);
      const program = { name, text: t(kind ? "files.image" : "files.binary", { name, n: size(bytes.length) }), base64: inBase64(bytes) };
      session.load({ room, files: [program], options: { ...options, ...Object.fromEntries(kind?.options ?? room.executables) } });
      void session.run();
    } else {
      const { files, file: shown } = store.state;
      session.arrange(files.map((f, i) => (i === shown ? { name: f.name, text } : f)), shown);
    }
  });
  document.body.append(field);
  field.click();
}

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 * @param {number} count
 */
function hexAt(bytes, at, count) {
  return [...bytes.subarray(at, at + count)].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** @param {number} bytes */
function size(bytes) {
  return bytes.toLocaleString("en");
}

/**
 * The bytes as text; null where they are none.
 * @param {Uint8Array} bytes
 */
function asText(bytes) {
  if (bytes.includes(0)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** @param {Uint8Array} bytes */
function inBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}
