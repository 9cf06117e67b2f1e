// @ts-check
// The top bar: which machine, which example, Run, Share, theme and language.
import { fill, h, setText, svg } from "./dom.js";
import { icon } from "./icons.js";
import { has, language, number, t } from "./i18n.js";

/**
 * @typedef {object} TopActions
 * @property {() => void} run
 * @property {() => void} stop
 * @property {() => void} share
 * @property {() => void} palette
 * @property {() => void} report
 * @property {(example: any) => void} open
 * @property {(room: any) => void} blank      an empty program of a room
 * @property {(name: string, value: string) => void} choose   an option of the room
 * @property {() => void} theme
 * @property {() => string} themeName
 * @property {() => void} language
 */

/**
 * @param {HTMLElement} root
 * @param {any} boot
 * @param {import("./store.js").Store} store
 * @param {TopActions} actions
 */
export function mountTopbar(root, boot, store, actions) {
  const rooms = h("select", { class: "pick opt", id: "room", "aria-label": t("top.machine") }, boot.rooms.map((/** @type {any} */ r) => h("option", { value: r.name }, r.title)));
  const examples = h("select", { class: "pick", id: "example", "aria-label": t("top.example") });
  const options = h("span", { class: "options opt" });
  // As wide as with its longer words, so that nothing moves when they change.
  const run = h("button", { type: "button", class: "btn run", id: "run", "data-wide": `${t("top.run")} ${t("key.run")}` });
  const info = h("span", { class: "runinfo", role: "status" });
  const share = h("button", { type: "button", class: "btn edge", id: "share", on: { click: actions.share } }, h("span", { class: "long" }, t("top.share")), h("span", { class: "short" }, t("top.shareshort")));
  const theme = h("button", { type: "button", class: "btn opt", id: "theme", on: { click: () => {
    actions.theme();
    label();
  } } });
  const words = h("button", { type: "button", class: "btn opt", id: "language", lang: language() === "en" ? "zh-Hans" : "en", on: { click: actions.language } }, t("top.language"));
  const tours = h("a", { class: "btn opt hide-m", id: "tours", href: `/tours?lang=${language()}` }, t("top.tours"));
  const keys = h("button", { type: "button", class: "btn", id: "commands", title: `${t("top.commands")} (Ctrl K)`, "aria-label": t("top.commands"), on: { click: actions.palette } }, h("span", { class: "long" }, t("top.commands")), h("span", { class: "short" }, icon("more")));
  const flag = boot.shared ? h("button", { type: "button", class: "btn opt hide-m", id: "report", on: { click: actions.report } }, t("top.report")) : null;
  fill(
    root,
    h("h1", { class: "sr" }, t("top.heading")),
    h("a", { class: "mark", href: "/", "aria-label": t("top.name") }, svg("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, svg("path", { d: "M3 5.5 10 2l7 3.5v9L10 18l-7-3.5z" }), svg("path", { d: "M3 5.5 10 9l7-3.5M10 9v9" })), h("span", {}, t("top.name"))),
    rooms, examples, options, run, info, share, tours, flag, keys, h("span", { class: "sep opt" }), theme, words,
  );

  function label() {
    const text = t(`theme.${actions.themeName()}`);
    setText(theme, t("top.theme"));
    theme.setAttribute("aria-label", text);
    theme.title = text;
  }
  label();
  /** The machine that was chosen while its first example is still on its way. */
  let chosen = "";
  rooms.addEventListener("change", () => {
    chosen = rooms.value;
    const first = boot.examples.find((/** @type {any} */ e) => e.room === rooms.value);
    if (first) actions.open(first);
    else actions.blank(boot.rooms.find((/** @type {any} */ r) => r.name === rooms.value));
  });
  examples.addEventListener("change", () => {
    const example = boot.examples.find((/** @type {any} */ e) => `${e.room}/${e.name}` === examples.value);
    if (example) {
      chosen = "";
      actions.open(example);
    } else if (examples.value === "blank") actions.blank(boot.rooms.find((/** @type {any} */ r) => r.name === rooms.value));
  });
  run.addEventListener("click", () => (busy(store.state) ? actions.stop() : actions.run()));

  const busy = (/** @type {import("./store.js").State} */ s) => s.phase === "running" || s.phase === "opening";

  /**
   * @param {import("./store.js").State} state
   * @param {Set<string>} changed
   */
  function update(state, changed) {
    if (changed.has("room") || changed.has("example") || changed.has("stale") || changed.has("files")) {
      if (state.room?.name === chosen) chosen = "";
      rooms.value = chosen || (state.room?.name ?? "");
      fillExamples(examples, boot, state);
    }
    if (changed.has("room")) fill(options, optionSelects(store.state, choose));
    // The selects stay the same: whoever chooses by keyboard keeps the focus.
    else if (changed.has("options")) for (const select of options.querySelectorAll("select")) select.value = state.options[select.name];
    const working = busy(state);
    fill(run, h("span", {}, working ? t("top.stop") : t("top.run"), working ? null : h("kbd", { class: "opt" }, t("key.run"))));
    run.disabled = state.phase === "opening";
    setText(info, runInfo(state));
    share.disabled = !state.files.length;
  }
  /**
   * Choose an option's value, and say what it means where the room has a sentence about it.
   * @param {string} name
   * @param {string} value
   */
  function choose(name, value) {
    actions.choose(name, value);
    const key = `${store.state.room.name}.option.${name}.${value}`;
    if (has(key)) store.set({ notice: { key, tone: "info" } });
  }
  const stop = store.subscribe(update);
  update(store.state, new Set(["room", "example", "options"]));
  return stop;
}

/** @param {any} example */
function titleOf(example) {
  return example.title[language()] ?? example.title.en ?? example.name;
}

/**
 * @param {HTMLSelectElement} select
 * @param {any} boot
 * @param {import("./store.js").State} state
 */
function fillExamples(select, boot, state) {
  const own = !state.example || state.files.length !== state.example.files.length || state.files.some((f, i) => state.example.files[i]?.text !== f.text);
  fill(
    select,
    own ? h("option", { value: "own" }, t("top.own")) : null,
    boot.rooms.map((/** @type {any} */ room) => {
      const mine = boot.examples.filter((/** @type {any} */ e) => e.room === room.name);
      mine.sort((/** @type {any} */ a, /** @type {any} */ b) => a.order - b.order);
      return mine.length ? h("optgroup", { label: room.title }, mine.map((/** @type {any} */ e) =>
        h("option", { value: `${e.room}/${e.name}` }, titleOf(e)))) : null;
    }),
    h("option", { value: "blank" }, t("top.blank")),
  );
  document.title = own ? t("top.name") : t("top.title", { title: titleOf(state.example) });
  select.value = own ? "own" : `${state.example.room}/${state.example.name}`;
}

/**
 * @param {import("./store.js").State} state
 * @param {(name: string, value: string) => void} choose
 */
function optionSelects({ room, options }, choose) {
  return (room?.options ?? []).filter((/** @type {any} */ o) => o.values.length > 1).map((/** @type {any} */ o) => {
    const select = h("select", { class: "pick", name: o.name, "aria-label": optionText(`option.${o.name}`, o.name), title: optionText(`option.${o.name}`, o.name) },
      o.values.map((/** @type {string} */ v) => h("option", { value: v }, optionText(`option.${o.name}.${v}`, v))));
    select.value = options[o.name];
    select.addEventListener("change", () => choose(o.name, select.value));
    return select;
  });
}

/**
 * @param {string} key
 * @param {string} otherwise
 */
function optionText(key, otherwise) {
  return has(key) ? t(key) : otherwise;
}

/** @param {import("./store.js").State} state */
function runInfo(state) {
  const { phase, frontier, outputs, diagnostics, stale } = state;
  if (phase === "opening") return t("run.opening");
  if (phase === "running") return frontier ? t("run.running", { n: frontier }) : t("run.starting");
  if (diagnostics.length) return t("run.diagnostics", { n: diagnostics.length });
  if (stale) return t("run.stale");
  if (phase !== "ready") return "";
  const lines = outputs.reduce((sum, o) => sum + o.text.split("\n").length - 1, 0);
  return lines ? t("run.done", { n: frontier, text: t("run.lines", { n: lines }) }) : t("run.steps", { n: number(frontier), count: frontier });
}
