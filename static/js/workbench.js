// @ts-check
// The shell: puts a room's panes into the page's places, gives them heads, tabs on narrow screens, and store updates.
import { append, byId, fill, h, setText } from "./dom.js";
import { t } from "./i18n.js";
import { machine } from "./panes/index.js";
import { explained } from "./received.js";
import { Turns } from "./turns.js";

/** The page's places in the order in which a room names its panes; `class` places it in the grid. */
const PLACES = ["source", "listing", "state", "memory", "output", "narration", "extra"];
/** Places that share one spot on a tablet. */
const MIDDLE = ["state", "memory"];
/** The order of the tabs on a phone. */
const PHONE = ["listing", "source", "state", "memory", "output", "narration", "extra"];

export class Workbench {
  /** `head`: of a pane that shows the last view. @type {{section: HTMLElement, meta: HTMLElement, mounted: import("./panes/index.js").Mounted, head: HTMLElement | null, turn?: number}[]} */
  #panes = [];
  #room = "";
  /** @type {Turns<{mounted: import("./panes/index.js").Mounted, turn?: number}>} */
  #turns = new Turns();

  /**
   * @param {import("./store.js").Store} store
   * @param {import("./session.js").Session} session
   * @param {string} nonce
   */
  constructor(store, session, nonce) {
    this.store = store;
    this.session = session;
    this.nonce = nonce;
    this.shell = byId("workbench");
    this.panes = byId("panes");
    this.stop = store.subscribe((state, changed) => this.#update(state, changed), () => {
      for (const { mounted } of this.#panes) mounted.settle?.();
    });
  }

  destroy() {
    this.stop();
    this.#room = "";
    this.#clear();
  }

  #clear() {
    for (const { mounted } of this.#panes) mounted.destroy?.();
    this.#panes = [];
    this.#turns.clear();
    this.#kept = null;
  }

  /**
   * @param {import("./store.js").State} state
   * @param {Set<string>} changed
   */
  #update(state, changed) {
    if (!state.room) return;
    if (state.room.name !== this.#room) {
      this.#room = state.room.name;
      this.#clear();
      void this.#mount(state.room);
    }
    const due = this.#turns.take(this.#panes, changed, state.moving && changed.has("tick"));
    for (const [{ mounted }, news] of due) mounted.update(state, news);
    // Nobody need come for those who are behind to be drawn in the next frame.
    if (this.#turns.waiting) this.store.touch();
    // Each says in words that it shows the program before the edit.
    for (const { section, meta } of this.#panes) if (section.classList.contains("stale")) setText(meta, t("pane.stale"));
    this.#markKept(state);
    // What would move before the step that the program opens at is there is shown from then on.
    this.shell.classList.toggle("arriving", state.arriving);
    const busy = state.arriving || state.phase === "opening" || state.phase === "running";
    this.shell.setAttribute("aria-busy", String(busy));
  }

  /** Panes whose content is of another step than the shown one say so in their heads. @param {import("./store.js").State} state */
  #markKept({ view, viewTick, tick, phase }) {
    const kept = view !== null && viewTick !== tick && phase === "ready" ? viewTick : null;
    if (kept === this.#kept) return;
    this.#kept = kept;
    // Marks that the view has put into other panes are taken back by the style sheet.
    this.shell.classList.toggle("moving", kept !== null);
    for (const { head } of this.#panes) {
      if (kept === null) delete head?.dataset.asof;
      else if (head) head.dataset.asof = t("pane.asof", { n: kept });
    }
  }

  /** @type {number | null} */
  #kept = null;

  /** @param {any} room */
  async #mount(room) {
    const { adapter, panes } = await machine(room);
    // The visitor may have gone on to another room, or another language, meanwhile.
    if (this.#room !== room.name) return;
    /** @type {{place: string, title: string, short: string}[]} */
    const tabs = [];
    panes.forEach((row, i) => {
      const place = PLACES[i];
      const section = byId(`pane-${place}`);
      const title = h("h2", {}, t(row.titleKey));
      const meta = h("span", { class: "meta" });
      const body = h("div", { class: "body", tabindex: "0", role: "group" });
      const name = (/** @type {string} */ text) => {
        setText(title, text);
        section.setAttribute("aria-label", text);
        body.setAttribute("aria-label", text);
      };
      const head = h("div", { class: "ph" }, title, meta);
      fill(section, head, body);
      section.dataset.pane = row.id;
      section.classList.remove("stale", "edited");
      name(t(row.titleKey));
      const mounted = row.mount(body, {
        store: this.store,
        session: this.session,
        adapter: () => adapter,
        meta: (text) => setText(meta, text),
        title: name,
        section,
        nonce: this.nonce,
      });
      this.#panes.push({ section, meta, mounted, head: row.ofView ? head : null, turn: row.turn });
      tabs.push({ place, title: t(row.tabKey ?? row.titleKey), short: t(row.shortKey ?? row.titleKey) });
    });
    const titled = (/** @type {string[]} */ places) => places.flatMap((place) => tabs.filter((tab) => tab.place === place));
    this.#tabs(byId("tabs-all"), titled(PHONE).map((tab) => ({ ...tab, title: tab.short })), this.shell, "listing");
    this.#tabs(byId("tabs-middle"), titled(MIDDLE), this.panes, "state");
    this.store.touch(...Object.keys(this.store.state));
  }

  /**
   * A tab list that shows one of its places at a time (the style sheet does the hiding, by `data-tab` of `host`).
   * @param {HTMLElement} list
   * @param {{place: string, title: string}[]} tabs
   * @param {HTMLElement} host
   * @param {string} first
   */
  #tabs(list, tabs, host, first) {
    const shown = host.dataset.tab ?? first;
    list.setAttribute("aria-label", t("tabs.label"));
    const buttons = tabs.map(({ place, title }) =>
      h("button", { type: "button", role: "tab", "data-tab": place, "aria-controls": `pane-${place}`, on: { click: () => pick(place) } }, title));
    const pick = (/** @type {string} */ place) => {
      host.dataset.tab = place;
      for (const b of buttons) {
        const on = b.dataset.tab === place;
        b.setAttribute("aria-selected", String(on));
        b.tabIndex = on ? 0 : -1;
      }
      markMain(this.shell);
      // A pane that was hidden has not been drawn yet.
      requestAnimationFrame(() => this.store.touch("tick", "view"));
    };
    list.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const at = buttons.findIndex((b) => b === document.activeElement);
      const next = buttons[(at + step + buttons.length) % buttons.length];
      next.focus();
      pick(/** @type {string} */ (next.dataset.tab));
      event.preventDefault();
      event.stopPropagation();
    };
    list.replaceChildren();
    append(list, buttons);
    pick(tabs.some((tab) => tab.place === shown) ? shown : first);
  }
}

/** Widths with one pane at a time, as in the style sheet. */
const ONE = matchMedia("(max-width: 759px)");
ONE.addEventListener("change", () => markMain(byId("workbench")));

/**
 * Where one pane is shown at a time and it is one of the foot's, the foot is the page's main part: the other is hidden.
 * @param {HTMLElement} shell
 */
function markMain(shell) {
  const foot = byId("foot");
  const shown = foot.querySelector(`#pane-${shell.dataset.tab}`) !== null;
  foot.setAttribute("role", ONE.matches && shown ? "main" : "complementary");
}

/**
 * The line over the timeline that says what went wrong or what to know; it stays until it is dismissed or replaced.
 * @param {HTMLElement} root
 * @param {import("./store.js").Store} store
 * @param {import("./session.js").Session} session
 */
export function mountNotice(root, store, session) {
  /** @type {any} */
  let shown = null;
  session.explain = async (message) => (await machine(store.state.room)).adapter.explain(message);
  const { notice: before } = store.state;
  // Said in another language before.
  if (before?.why) void explained(before, session.explain).then((said) => store.state.notice === before && store.set({ notice: said }));
  return store.subscribe((state) => {
    const { notice } = state;
    if (notice === shown) return;
    shown = notice;
    root.hidden = !notice;
    if (!notice) return fill(root);
    root.className = `notice ${notice.tone}`;
    const act = notice.action === "reconnect"
      ? h("button", { type: "button", class: "btn edge", on: { click: () => void session.run(state.tick) } }, t("notice.reconnect"))
      : notice.action === "seek" && notice.tick !== undefined
        ? h("button", { type: "button", class: "btn edge", on: { click: () => session.goTo(Number(notice.tick)) } }, t("notice.goto"))
        : notice.run && notice.label
          ? h("button", { type: "button", class: "btn edge", on: { click: () => {
              store.set({ notice: null });
              notice.run?.();
            } } }, t(notice.label))
          : null;
    const text = h("span", { class: "text" }, notice.key ? t(notice.key, notice.args ?? {}) : (notice.text ?? ""));
    if (notice.why) append(text, [" ", h("span", { class: "why" }, notice.why.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part)))]);
    fill(root, text, act,
      h("button", { type: "button", class: "btn", "aria-label": t("notice.dismiss"), on: { click: () => store.set({ notice: null }) } }, "×"));
  });
}
