// @ts-check
// The timeline: the one control that everything obeys. Transport buttons, step box, the words PAST and BRANCH, zoom and
// focus window; below, the track (track.js).
import { fill, h, patch, setText } from "./dom.js";
import { number, t } from "./i18n.js";
import { icon, mark } from "./icons.js";
import { zoomedSpan } from "./span.js";
import { KINDS, Track } from "./track.js";

/** How much a button or a key zooms. */
const ZOOM = 2;

/**
 * @param {HTMLElement} root
 * @param {import("./store.js").Store} store
 * @param {import("./session.js").Session} session
 */
export function mountTimeline(root, store, session) {
  const button = (/** @type {string} */ name, /** @type {string} */ drawing, /** @type {() => void} */ act, extra = "") =>
    h("button", { type: "button", class: `btn ${extra}`, "aria-label": t(`transport.${name}`), title: `${t(`transport.${name}`)} (${t(`key.${name}`)})`, on: { click: act } }, icon(drawing));
  const play = h("button", { type: "button", class: "btn wide opt", on: { click: () => session.togglePlay() } });
  const box = h("input", { id: "stepno", inputmode: "numeric", autocomplete: "off", value: "0", "aria-label": t("timeline.step") });
  const total = h("span", {});
  const pastText = h("span", {});
  const past = h("span", { class: "pastmark off" }, h("b", {}, t("timeline.past")), pastText,
    h("button", { type: "button", class: "ret", on: { click: () => session.last() } }, t("timeline.return")));
  const branch = h("span", { class: "branchmark", hidden: true });
  const legend = h("div", { class: "legend" });
  const back = [
    button("first", "first", () => session.first(), "opt"),
    button("backContinue", "backContinue", () => void session.continue(-1), "opt"),
    button("back", "back", () => session.stepBy(-1)),
  ];
  const forward = [
    button("step", "step", () => session.stepBy(1)),
    button("over", "over", () => session.stepOver(1)),
    button("out", "out", () => session.stepOut(1), "opt"),
    button("continue", "continue", () => void session.continue(1), "opt"),
    button("last", "last", () => session.last(), "opt"),
  ];
  const zoomOut = button("zoomOut", "zoomOut", () => zoom(store, 1 / ZOOM));
  const zoomIn = button("zoomIn", "zoomIn", () => zoom(store, ZOOM));
  const zoomAll = button("zoomAll", "zoomAll", () => zoom(store, 0));
  const focus = button("focus", "focus", () => void askFocus(session));
  const zooming = h("span", { class: "zooming opt", role: "group", "aria-label": t("timeline.zoom") }, zoomOut, zoomIn, zoomAll, focus);
  const bar = h("div", { class: "tbar", role: "toolbar", "aria-label": t("timeline.transport") }, back, play, forward,
    h("label", { class: "stepbox" }, h("span", {}, t("timeline.stepword")), box, total), past, branch, legend, zooming);
  const track = new Track(store, session);
  const slow = h("div", { class: "slow", hidden: true }, h("span", { role: "status" }),
    h("button", { type: "button", class: "btn edge", on: { click: () => session.pause() } }, t("slow.cancel")));
  fill(root, bar, track.families.list, track.node, slow);

  box.addEventListener("change", () => {
    const wanted = Number.parseInt(box.value.replace(/\D/g, ""), 10);
    if (Number.isFinite(wanted)) session.goTo(wanted);
    box.value = String(store.state.tick);
  });

  /** @param {import("./store.js").State} state */
  function drawBar(state) {
    const { tick, frontier, ended, playing, phase, span } = state;
    const ready = phase === "ready";
    if (document.activeElement !== box) box.value = String(tick);
    box.style.width = `${Math.max(56, 24 + 8 * String(frontier).length)}px`;
    setText(total, `/ ${number(frontier)}`);
    const isPast = ready && tick < frontier;
    root.classList.toggle("past", isPast);
    // Kept in its place, so that the buttons beside it stand still.
    past.classList.toggle("off", !isPast);
    if (isPast) {
      const end = ended ? t(`ended.${ended.reason}`) : t("ended.paused");
      setText(pastText, `${t("timeline.before", { n: frontier - tick })} ${end}`);
    }
    patch(play, icon(playing ? "pause" : "play"), t(playing ? "transport.pause" : "transport.play"));
    play.title = `${t(playing ? "transport.pause" : "transport.play")} (${t("key.play")})`;
    const atEnd = ended !== null && tick >= frontier;
    for (const b of back) b.disabled = !ready || tick === 0;
    for (const b of forward) b.disabled = !ready || atEnd;
    play.disabled = !ready;
    box.disabled = !ready;
    zoomOut.disabled = zoomAll.disabled = !span;
    zoomIn.disabled = focus.disabled = !frontier;
  }

  /** @param {import("./store.js").State} state */
  function drawBranch(state) {
    const { branches, branch: current, phase } = state;
    root.classList.toggle("branched", current !== 0);
    branch.hidden = branches.length < 2;
    if (branch.hidden) return patch(branch);
    const here = branches.find((one) => one.id === current);
    const choose = h("select", { class: "pick", "aria-label": t("branch.choose"), on: { change: (/** @type {Event} */ event) => {
      void switchTo(session, Number(/** @type {HTMLSelectElement} */ (event.target).value));
    } } }, branches.map((one) => h("option", { value: one.id, selected: one.id === current }, one.parent === null ? t("branch.trunk") : one.name)));
    choose.disabled = phase !== "ready";
    fill(branch, current === 0 ? null : h("b", { title: t("branch.leaves", { name: here?.name ?? "", n: here?.tick ?? 0 }) }, t("branch.word")), choose,
      current === 0 ? null : [
        h("button", { type: "button", class: "ret", on: { click: () => void renameBranch(session) } }, t("branch.rename")),
        h("button", { type: "button", class: "ret", id: "trunk", "aria-label": t("branch.back"), title: t("branch.back"), on: { click: () => void switchTo(session, 0) } }, t("branch.short")),
      ]);
  }

  /** @param {import("./store.js").State} state */
  function drawSlow({ slow: name, slowAt, phase }) {
    // While a run records, the top bar says so and its button stops it.
    slow.hidden = !name || phase !== "ready";
    if (slow.hidden) return;
    setText(/** @type {Element} */ (slow.firstElementChild), slowAt === null ? t("slow.work") : t("slow.at", { n: slowAt }));
  }

  let counted = "";
  /**
   * @param {import("./store.js").State} state
   * @param {Set<string>} [changed]
   */
  function update(state, changed) {
    track.draw(state);
    drawBar(state);
    if (!changed || changed.has("slow") || changed.has("slowAt")) drawSlow(state);
    if (!changed || changed.has("branches") || changed.has("branch") || changed.has("phase")) drawBranch(state);
    const { slider, totals } = track;
    slider.setAttribute("aria-valuemax", String(state.frontier));
    slider.setAttribute("aria-valuenow", String(state.tick));
    slider.setAttribute("aria-valuetext", valueText(state));
    slider.setAttribute("aria-disabled", String(state.phase !== "ready"));
    const counts = JSON.stringify([...totals]);
    if (counts === counted) return;
    counted = counts;
    fill(legend, ["breakpoint", ...KINDS.map(([kind]) => kind)].filter((kind) => totals.has(kind)).map((kind) => legendItem(kind, totals.get(kind) ?? 0, session)), track.families.button);
  }

  const stop = store.subscribe(update);
  update(store.state);
  return () => {
    stop();
    track.destroy();
  };
}

/**
 * Show less of the recording (factor above 1), more, or with 0 all of it.
 * @param {import("./store.js").Store} store
 * @param {number} factor
 */
export function zoom(store, factor) {
  store.set({ span: factor ? zoomedSpan(store.state, factor) : null });
}

/** @param {import("./session.js").Session} session */
export async function askFocus(session) {
  const { focusDialog } = await import("./focus.js");
  await focusDialog(session);
}

/**
 * @param {import("./session.js").Session} session
 * @param {number} id
 */
export async function switchTo(session, id) {
  const { switchBranch } = await import("./branching.js");
  await switchBranch(session, id);
}

/** @param {import("./session.js").Session} session */
export async function renameBranch(session) {
  const { askName } = await import("./branching.js");
  await askName(session);
}

/** @param {import("./store.js").State} state */
function valueText(state) {
  const { tick, frontier, trace, program } = state;
  const at = program?.at(trace.has(tick) ? trace.where(tick) : null);
  const place = t("timeline.value", { n: tick, total: frontier });
  if (!at) return place;
  const line = at.row.line === null ? "" : t("timeline.valueline", { n: String(at.row.line) });
  return `${place}${line}, ${at.row.op} ${at.routine.name ? t("timeline.valuein", { name: at.routine.name }) : ""}`.trim();
}

/**
 * A kind of event in the legend: goes to the next one of its kind, and with the arrow before it to the previous one.
 * @param {string} kind
 * @param {number} count
 * @param {import("./session.js").Session} session
 */
function legendItem(kind, count, session) {
  const flags = KINDS.find(([name]) => name === kind)?.[1] ?? 0;
  const go = (/** @type {1 | -1} */ way) => (flags ? session.toEvent(flags, way) : void session.continue(way));
  const text = t(`mark.${kind}`);
  // What is read out contains what is seen (WCAG 2.5.3).
  const label = (/** @type {string} */ key, seen = text) => ({ "aria-label": t(key, { text: seen }), title: t(key, { text }) });
  return h("span", {},
    h("button", { type: "button", ...label("mark.previous"), on: { click: () => go(-1) } }, "‹"),
    h("button", { type: "button", ...label("mark.next", `${text} ${number(count)}`), on: { click: () => go(1) } }, mark(kind), h("span", { class: "word" }, text), " ", number(count)));
}
