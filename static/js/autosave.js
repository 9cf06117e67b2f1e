// @ts-check
// Keeps what the visitor writes in this browser, a moment after it was written, and offers it again after a reload. The
// list of what is kept is comfort/saves.js, fetched with the first edit.
import { laterWords } from "./i18n.js";

/** Milliseconds without an edit before it is kept. */
const PAUSE = 800;

/**
 * @param {import("./store.js").Store} store
 * @param {{restore: (save: any) => void}} actions
 */
export function keepWork(store, actions) {
  /** The entry that the shown program is kept under; "" until it is edited. */
  let id = "";
  /** The program that was loaded last. @type {any} */
  let files = null;
  let offered = false;
  /** @type {ReturnType<typeof setTimeout> | 0} */
  let timer = 0;

  /** @param {import("./store.js").State} state */
  const differs = ({ example, files: now }) =>
    now.some((f, i) => f.text !== (example?.files[i]?.text ?? "")) || (example !== null && now.length !== example.files.length);

  async function keep() {
    timer = 0;
    const [{ save }] = await Promise.all([import("./comfort/saves.js"), laterWords()]);
    id ||= `${Date.now().toString(36)}${Math.trunc(Math.random() * 1e9).toString(36)}`;
    save(id, store.state);
  }

  /** Say that this example was edited before, if it was. @param {import("./store.js").State} state */
  async function offer(state) {
    const { saves } = await import("./comfort/saves.js");
    const found = saves().find((one) => one.base === state.example?.name && one.room === state.room.name);
    if (!found) return;
    await laterWords();
    // Opening and running clear the line that this goes into.
    const stop = store.subscribe((now) => {
      if (now.example !== state.example || now.phase === "failed") return stop();
      if (now.phase !== "ready") return;
      stop();
      if (now.notice || now.stale) return;
      store.set({ notice: { key: "notice.kept", args: { name: found.name }, tone: "info", label: "saves.open", run: () => actions.restore(found) } });
    });
    store.touch("phase");
  }

  store.subscribe((state, changed) => {
    if (!changed.has("files")) return;
    if (state.files !== files) {
      // Loaded or arranged: another program, if the room or the example changed with it.
      const loaded = changed.has("room");
      files = state.files;
      if (loaded) id = pending;
      pending = "";
      if (loaded && !id && state.example && !offered && hasSaves()) {
        offered = true;
        void offer({ ...state });
      }
      if (loaded) return;
    }
    if (!differs(state)) return;
    if (timer) clearTimeout(timer);
    timer = setTimeout(() => void keep(), PAUSE);
  });

  let pending = "";
  addEventListener("pagehide", () => {
    if (timer) void keep();
  });
  return {
    /** What was just opened is an entry of the list: edits go there. @param {string} known */
    continue(known) {
      id = known;
      pending = known;
    },
  };
}

function hasSaves() {
  try {
    return localStorage.getItem("glassbox.saves") !== null;
  } catch {
    return false;
  }
}
