// @ts-check
// Starts the page: reads what the server put into it, builds the parts, opens the first program.
import { byId } from "./dom.js";
import { language, laterWords, setLanguage, t } from "./i18n.js";
import { mountEditing } from "./editing.js";
import { listenToKeys } from "./keys.js";
import { remember, remembered } from "./preferences.js";
import { keepWork } from "./autosave.js";
import { Session } from "./session.js";
import { mountSplitters, restoreLayout } from "./splitters.js";
import { Store } from "./store.js";
import { mountTimeline } from "./timeline.js";
import { mountTopbar } from "./topbar.js";
import { Workbench, mountNotice } from "./workbench.js";

const THEMES = ["system", "light", "dark", "contrast"];

const boot = JSON.parse(byId("boot").textContent ?? "{}");
const nonce = document.documentElement.dataset.nonce ?? "";
const store = new Store();
const session = new Session(store, `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);

function themeName() {
  return document.documentElement.dataset.theme ?? "system";
}

/** @param {string} name */
function setTheme(name) {
  if (name !== "system" && THEMES.includes(name)) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
}

const actions = {
  session,
  run: () => void session.run(),
  rerun: () => void session.run(store.state.tick, store.state.inputs),
  stop: () => session.pause(),
  share: () => void import("./share/sharing.js").then(({ share }) => share(session)),
  help: () => void import("./comfort/keydialog.js").then(({ keyDialog }) => keyDialog()),
  palette: () => void import("./comfort/palette.js").then(({ palette }) => palette(actions, boot)),
  saves: () => void import("./comfort/saves.js").then(({ savesDialog }) => savesDialog(actions)),
  predict: () => void import("./comfort/predict.js").then(({ togglePredict }) => togglePredict(session)),
  report: () => void import("./comfort/report.js").then(({ reportDialog }) => reportDialog(boot.shared.id)),
  /** Open what this browser kept. @param {import("./comfort/saves.js").Save} save */
  restore: (save) => {
    asks++;
    address(`/play?new=${save.room}`);
    const base = boot.examples.find((/** @type {any} */ e) => e.name === save.base && e.room === save.room && e.files) ?? null;
    session.load({ room: boot.rooms.find((/** @type {any} */ r) => r.name === save.room), files: save.files, options: save.options, example: base });
    autosave.continue(save.id);
    void session.run();
  },
  open: (/** @type {any} */ example) => {
    address(`/?room=${example.room}&example=${example.name}`);
    void open(example, example.tick);
  },
  blank: (/** @type {any} */ room) => {
    asks++;
    address(`/play?new=${room.name}`);
    session.load({ room, files: [{ name: room.main_file, text: "" }] });
  },
  choose: (/** @type {string} */ name, /** @type {string} */ value) => session.choose(name, value),
  theme: () => {
    const next = THEMES[(THEMES.indexOf(themeName()) + 1) % THEMES.length];
    setTheme(next);
    remember("theme", next);
  },
  themeName,
  language: () => {
    const next = language() === "en" ? "zh" : "en";
    remember("language", next);
    // The server speaks this language too, in what it says itself.
    document.cookie = `lang=${next}; path=/; max-age=31536000; samesite=lax`;
    void setLanguage(next).then(build);
  },
};

/**
 * Let the address name what is shown, so that reloading shows it again.
 * @param {string} path
 */
function address(path) {
  history.replaceState(null, "", path);
}

/** Counts what was asked to be opened, so that of several the last one wins. */
let asks = 0;

/**
 * Load a program and run it to the step worth seeing.
 * @param {any} example with room, files, options; of an example of the menu the page may lack the files still
 * @param {number} [tick]
 * @param {{from: number, to: number, name: string} | null} [focus]   a stretch to be marked
 */
async function open(example, tick, focus = null) {
  const ask = ++asks;
  if (!example.files) {
    store.set({ phase: "opening" });
    try {
      const answer = await fetch(`/examples/${example.room}/${example.name}`);
      if (!answer.ok) throw new Error(`${answer.status}`);
      Object.assign(example, await answer.json());
    } catch (error) {
      if (ask === asks) store.set({ phase: store.state.program ? "ready" : "idle", notice: { key: "notice.noexample", args: { text: String(error) }, tone: "error" } });
      return;
    }
    if (ask !== asks) return;
  }
  const room = boot.rooms.find((/** @type {any} */ r) => r.name === example.room);
  session.load({ room, files: example.files, options: example.options, example: example.name ? example : null });
  const window = focus ?? example.focus;
  if (window) store.set({ focus: window });
  if (example.breakpoints) store.set({ breakpoints: example.breakpoints });
  if (example.notes?.length) {
    store.set({ notes: example.notes });
    void Promise.all([import("./notes.js"), laterWords()]).then(([{ play }]) => play(example.notes, 0, tick));
  } else if (tour && !tour.name) void playTour(null);
  void session.run(tick || undefined, example.input);
}

/** @type {(() => void)[]} */
let parts = [];

/** Build everything that shows words; again when the language changes. */
function build() {
  for (const part of parts) part();
  document.title = t("top.name");
  for (const node of document.querySelectorAll("[data-words]")) node.textContent = t(/** @type {HTMLElement} */ (node).dataset.words ?? "");
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", t(/** @type {HTMLElement} */ (node).dataset.label ?? ""));
  const bench = new Workbench(store, session, nonce);
  parts = [
    mountTopbar(byId("topbar"), boot, store, actions),
    mountTimeline(byId("timeline"), store, session),
    mountNotice(byId("notice"), store, session),
    mountSplitters(),
    mountEditing(byId("panes"), session),
    () => bench.destroy(),
  ];
  mountTour();
  store.touch(...Object.keys(store.state));
}

/** The tour being played: the server's, or the visitor's notes. */
let tour = boot.tour;
/** @type {(() => void) | null} */
let touring = null;

function mountTour() {
  touring?.();
  touring = tour && tours ? tours.mountTour(tour, boot, store, session, open, () => void playTour(null)) : null;
}

/** @param {any} what  null: end the tour */
async function playTour(what) {
  tours ??= await import("./tour.js");
  tour = what;
  mountTour();
}

/** Open what the fragment of the address holds. */
async function openFragment() {
  const [{ unpack }] = await Promise.all([import("./share/moment.js"), laterWords()]);
  try {
    openShared(await unpack(location.hash, boot.rooms));
  } catch (error) {
    history.replaceState(null, "", "/play");
    refuse(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Open what somebody shared, on screens that have tabs with the tabs that they saw.
 * @param {any} moment
 */
function openShared(moment) {
  const [one, middle] = moment.panes ?? [];
  if (one) byId("workbench").dataset.tab = one;
  if (middle) byId("panes").dataset.tab = middle;
  void open(moment, moment.tick);
}

/**
 * Say why there is nothing to open, over an example that waits to be run.
 * @param {string} text
 */
function refuse(text) {
  const { room, files, options } = boot.examples.find((/** @type {any} */ e) => e.files);
  session.load({ room: boot.rooms.find((/** @type {any} */ r) => r.name === room), files, options });
  store.set({ notice: { text, tone: "error" } });
}

function firstExample() {
  return [...boot.examples].sort((a, b) => roomRank(a) - roomRank(b) || a.order - b.order)[0];
}

/** The program that the page opens with: a shared one, the one that the address names, or the first example. */
function first() {
  if (boot.error) return refuse(boot.error.message);
  if (location.hash.startsWith("#v1=")) return void openFragment();
  if (boot.shared) return openShared(boot.shared.payload);
  if (tours && boot.tour) return tours.openNote(boot, open);
  const asked = new URLSearchParams(location.search);
  const empty = boot.rooms.find((/** @type {any} */ r) => r.name === asked.get("new"));
  if (empty) return actions.blank(empty);
  const named = boot.examples.find((/** @type {any} */ e) => e.name === asked.get("example") && (!asked.get("room") || e.room === asked.get("room")));
  const example = named ?? firstExample();
  void open(example, named && asked.get("tick") ? Number(asked.get("tick")) : example.tick, named && focusOf(asked.get("focus")));
}

/**
 * The focus window that an address names (share/moment.js).
 * @param {string | null} text
 */
function focusOf(text) {
  const found = /^(\d{1,15})-(\d{1,15})(?:-(.{0,40}))?$/.exec(text ?? "");
  return found && Number(found[2]) > Number(found[1]) ? { from: Number(found[1]), to: Number(found[2]), name: found[3] ?? "" } : null;
}

/** @param {any} example */
function roomRank(example) {
  return boot.rooms.findIndex((/** @type {any} */ r) => r.name === example.room);
}

/** Guide through a tour: fetched with the first one. @type {typeof import("./tour.js") | null} */
let tours = null;
const autosave = keepWork(store, actions);

/** Not awaited by this module: what it fetches imports from the file that this module is in. */
async function start() {
  const asked = new URLSearchParams(location.search);
  restoreLayout();
  setTheme(asked.get("theme") ?? remembered("theme") ?? "system");
  await setLanguage(asked.get("lang") ?? remembered("language") ?? boot.language ?? "en");
  tours = boot.tour ? await import("./tour.js") : null;
  build();
  listenToKeys(actions);
  if (asked.has("predict")) actions.predict();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) session.stop();
  });
  document.addEventListener("glassbox-tour", (event) => {
    const { tour: own, number } = /** @type {CustomEvent} */ (event).detail;
    void playTour(own).then(() => {
      byId("tour").dataset.note = String(number);
      mountTour();
    });
  });
  // A link pasted over the shown one.
  addEventListener("hashchange", () => location.hash.startsWith("#v1=") && location.reload());
  first();
}

void start();
