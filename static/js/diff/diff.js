// @ts-check
// Two runs side by side: the shown one, and one with another text, another input, or from a link. A session of its own runs
// the other; it ends with the dialog.
import { fill, h } from "../dom.js";
import { laterWords, t } from "../i18n.js";
import { machine } from "../panes/index.js";
import { Session } from "../session.js";
import { MARK, unpack } from "../share/moment.js";
import { Store } from "../store.js";
import { changeNode, valueNode, valueText } from "../values.js";
import { MOST, compare, heldFromStart } from "./comparing.js";

/** Steps that are shown before and after a difference, and of the difference itself at most. */
const AROUND = 4;
const INSIDE = 12;
/** Steps of each run that are compared at most; and how many are fetched at once where the page holds fewer. */
const REACH = 1_000_000;
const PORTION = 100_000;
/** Registers and the like that are compared. */
const FACTS = 40;

/** @typedef {import("../store.js").State} State */
/** @typedef {{files: import("../store.js").SourceFile[], options: Record<string, string>, input: {text: string, end?: boolean}[]}} Program */

/**
 * The program that an address of this site shows.
 * @param {string} address
 * @param {any} room    of the shown run
 * @returns {Promise<Program>}
 */
async function fromLink(address, room) {
  const url = new URL(address, location.href);
  const found = async (/** @type {string} */ path) => {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(t("diff.nolink"));
    return answer.json();
  };
  /** @type {any} */
  let moment = null;
  if (url.hash.startsWith(MARK)) moment = await unpack(url.hash, [room]);
  else if (/^\/s\/\w+$/.test(url.pathname)) moment = (await found(`/api/links/${url.pathname.slice(3)}`)).payload;
  else if (url.searchParams.get("example")) moment = { ...(await found(`/examples/${url.searchParams.get("room") ?? room.name}/${url.searchParams.get("example")}`)) };
  if (!moment) throw new Error(t("diff.nolink"));
  if (moment.room !== room.name) throw new Error(t("diff.otherroom"));
  return { files: moment.files, options: moment.options ?? {}, input: moment.input ?? [] };
}

/**
 * The changes that lead from the trunk to a branch, in order; null if one of them is another input.
 * @param {import("../store.js").Branch[]} branches
 * @param {number} id
 * @returns {import("../store.js").Branch[] | null}
 */
function changesOf(branches, id) {
  const out = [];
  for (let at = branches.find((one) => one.id === id); at && at.parent !== null; at = branches.find((one) => one.id === at?.parent)) {
    if (!at.change?.target) return null;
    out.unshift(at);
  }
  return out;
}

/**
 * Open the dialog.
 * @param {Session} session   of the shown run
 */
export async function openDiff(session) {
  await laterWords();
  const { state } = session;
  const { adapter } = await machine(state.room);
  const back = document.activeElement;
  const other = new Session(new Store(), session.wire.url);
  const said = h("p", { role: "status", class: "what" });
  const result = h("div", { class: "result" });
  const text = h("textarea", { id: "diff-text", rows: "12", spellcheck: "false", value: (state.example?.files?.[0] ?? state.files[0]).text });
  const input = h("textarea", { id: "diff-input", rows: "2", spellcheck: "false", value: state.inputs.map((one) => one.text).join("") });
  const link = h("input", { id: "diff-link", type: "text", autocomplete: "off" });
  const run = h("button", { class: "btn run" }, t("diff.compare"));
  const known = state.branches.filter((one) => one.id !== state.branch && changesOf(state.branches, one.id));
  const branch = h("select", { id: "diff-branch", class: "pick" }, h("option", { value: "" }, t("diff.nobranch")), known.map((one) => h("option", { value: String(one.id) }, one.parent === null ? t("diff.trunk") : one.name)));
  // Whoever changed the past most likely wants to see what that did.
  if (state.branch) branch.value = String(state.branches.find((one) => one.id === state.branch)?.parent ?? "");

  async function go() {
    run.disabled = true;
    fill(result);
    fill(said, t("diff.running"));
    try {
      const asked = link.value.trim();
      const own = branch.value !== "";
      const written = {
        files: state.files.map((file, i) => (i ? file : { ...file, text: text.value })),
        options: state.options,
        input: input.value ? [{ text: input.value, end: true }] : [],
      };
      /** @type {Program} */
      const program = asked ? await fromLink(asked, state.room) : own ? { files: state.files, options: state.options, input: state.inputs } : written;
      other.load({ room: state.room, files: program.files, options: program.options });
      await other.run(0, program.input);
      const wrong = other.state.diagnostics[0]?.message ?? (other.state.phase === "failed" ? (other.state.notice?.text ?? String(other.state.notice?.args?.text ?? "")) : "");
      if (wrong) throw new Error(wrong);
      for (const { tick, change } of (!asked && own && changesOf(state.branches, Number(branch.value))) || []) {
        await other.wire.send("seek", { tick });
        await other.change("edit", { target: change.target, value: { t: change.new.t, s: change.new.s } }, true);
      }
      await reach();
    } catch (error) {
      fill(said, h("span", { class: "wrong" }, error instanceof Error ? error.message : String(error)));
    }
    run.disabled = false;
  }

  /** Look for the first difference in what the page holds, then further on, a portion of steps at a time. */
  async function reach() {
    for (;;) {
      const found = compared();
      if (!found) return;
      const [one] = found.differences;
      // Where the one run's steps end because the page holds no more, nothing is known to differ.
      const isReal = one && !(one.a > found.stepsA && found.stepsA < state.frontier) && !(one.b > found.stepsB && found.stepsB < other.state.frontier);
      if (isReal || !dialog.open || !(await fetchMore())) return show(found, 0);
      fill(said, t("diff.further", { a: heldFromStart(state.trace), b: heldFromStart(other.state.trace) }));
    }
  }

  /** Fetch the next steps of both runs; whether there were any. */
  async function fetchMore() {
    return (await Promise.all([session, other].map(further))).includes(true);
  }

  function compared() {
    const theirs = other.state;
    return state.program && theirs.program ? compare({ program: state.program, trace: state.trace }, { program: theirs.program, trace: theirs.trace }) : null;
  }

  /** @param {import("./comparing.js").Comparison} found @param {number} at the difference to begin with */
  function show(found, at) {
    const theirs = other.state;
    const { differences } = found;
    const held = found.stepsA < state.frontier || found.stepsB < theirs.frontier ? ` ${t("diff.held", { a: found.stepsA, b: found.stepsB })}` : "";
    if (!differences.length) {
      fill(said, `${t("diff.same", { n: found.stepsA })}${held}`);
      return;
    }
    const { a, b } = differences[0];
    fill(said, `${t("diff.found", { a, b, n: differences.length, more: found.more ? "+" : "" })}${held}`);
    form.open = false;
    const view = new Differences(result, { adapter, session, other, differences });
    const isWhole = (found.stepsA >= Math.min(state.frontier, REACH) && found.stepsB >= Math.min(theirs.frontier, REACH)) || found.more;
    const more = h("button", { type: "button", class: "btn edge", id: "diff-further", on: { click: async () => {
      more.disabled = true;
      await fetchMore().catch(() => false);
      const next = compared();
      if (next && dialog.open) show(next, view.at);
    } } }, t("diff.more"));
    if (!isWhole) said.append(" ", more);
    void view.go(at);
  }

  const form = h("details", { open: true });
  const field = (/** @type {HTMLElement} */ node, /** @type {string} */ label) => [h("label", { for: node.id }, label), node];
  const dialog = h("dialog", { class: "dialog diff", "aria-labelledby": "diff-title" },
    h("h2", { id: "diff-title" }, t("diff.title")),
    form, said, result,
    h("form", { method: "dialog" }, h("button", { class: "btn edge" }, t("dialog.close"))));
  fill(form, h("summary", {}, t("diff.theirs")), h("form", { class: "ask", on: { submit: (/** @type {Event} */ event) => {
    event.preventDefault();
    void go();
  } } },
  known.length ? field(branch, t("diff.branch")) : null, h("p", {}, t("diff.what")), field(text, t("diff.text", { name: state.files[0].name })), field(input, t("diff.input")), field(link, t("diff.link")), h("div", {}, run)));
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    other.wire.close();
    dialog.remove();
    // The machine of the page was moved to look at states.
    session.wire.send("seek", { tick: state.tick }).catch(() => {});
    if (back instanceof HTMLElement) back.focus();
  });
  dialog.showModal();
}

/**
 * Fetch the next portion of a run's steps; whether there was one.
 * @param {Session} session
 */
async function further({ state, wire }) {
  const held = heldFromStart(state.trace);
  const to = Math.min(state.frontier, REACH, held + PORTION);
  if (to <= held) return false;
  await wire.send("trace", { from: held + 1, to });
  return heldFromStart(state.trace) > held;
}

/** What was found: one difference at a time, with the steps and the state of both runs. */
class Differences {
  #at = 0;

  /**
   * @param {HTMLElement} root
   * @param {{adapter: import("../panes/rooms/adapter.js").Adapter, session: Session, other: Session, differences: import("./comparing.js").Difference[]}} what
   */
  constructor(root, { adapter, session, other, differences }) {
    this.adapter = adapter;
    this.sides = [session, other];
    this.differences = differences;
    this.place = h("span", { class: "where", role: "status" });
    this.before = h("button", { type: "button", class: "btn edge", id: "diff-before", on: { click: () => void this.go(this.#at - 1) } }, t("diff.before"));
    this.after = h("button", { type: "button", class: "btn edge", id: "diff-after", on: { click: () => void this.go(this.#at + 1) } }, t("diff.after"));
    this.body = h("div", { class: "sides" });
    this.facts = h("div");
    fill(root, h("div", { class: "acts" }, this.before, this.after, this.place), this.body, this.facts);
  }

  /** The number of the shown one, from 0. */
  get at() {
    return this.#at;
  }

  /** @param {number} number */
  async go(number) {
    this.#at = Math.min(Math.max(number, 0), this.differences.length - 1);
    const found = this.differences[this.#at];
    this.before.disabled = this.#at === 0;
    this.after.disabled = this.#at === this.differences.length - 1;
    fill(this.place, t("diff.place", { n: this.#at + 1, total: this.differences.length, more: this.differences.length >= MOST ? "+" : "" }), ": ", t(`diff.${found.kind}`));
    fill(this.body, this.side(0, found.a, found.toA), this.side(1, found.b, found.toB));
    const at = this.#at;
    // After the first step that differs; where one run has none, before the other goes its own way.
    const ticks = [found.toA > found.a ? found.a : found.a - 1, found.toB > found.b ? found.b : found.b - 1];
    const views = await Promise.all(this.sides.map((side, i) => side.wire.send("seek", { tick: ticks[i] }).then((event) => event.view).catch(() => null)));
    if (at === this.#at) this.drawFacts(ticks, views);
  }

  /**
   * The steps of one run around a difference.
   * @param {number} which
   * @param {number} from
   * @param {number} to   not included
   */
  side(which, from, to) {
    const { state } = this.sides[which];
    const last = Math.min(to - 1, from + INSIDE - 1);
    const rows = [];
    const row = (/** @type {number} */ tick, /** @type {boolean} */ differs) => {
      const step = state.trace.step(tick);
      const at = step && state.program?.at(step.where);
      if (!step || !at) return;
      const changes = step.writes.filter((w) => w.old.t !== w.value.t || w.old.s !== w.value.s || w.old.id !== w.value.id).slice(0, 2);
      rows.push(h("tr", { class: differs ? "differs" : "" }, h("td", { class: "sign" }, differs ? h("span", { role: "img", "aria-label": t("diff.differs") }, "≠") : ""), h("td", { class: "num" }, String(tick)),
        h("td", { class: "num" }, at.row.line === null ? "" : t("source.line", { n: String(at.row.line) })), h("th", { scope: "row" }, h("b", {}, at.row.op), " ", at.row.args, " ", h("span", { class: "dim" }, at.row.comment)),
        h("td", {}, changes.map((w) => h("span", {}, this.adapter.place({ ...state, viewTick: -1 }, w, step), " ", changeNode(w.old, w.value))))));
    };
    for (let tick = Math.max(1, from - AROUND); tick < from; tick++) row(tick, false);
    for (let tick = from; tick <= last; tick++) row(tick, true);
    if (to - 1 > last) rows.push(h("tr", { class: "differs" }, h("td", { class: "sign" }, "≠"), h("td", { colspan: "4" }, t("diff.longer", { n: to - 1 - last }))));
    if (to <= from) rows.push(h("tr", { class: "differs" }, h("td", { class: "sign" }, "≠"), h("td", { colspan: "4" }, t("diff.nothing"))));
    for (let tick = to; tick < to + AROUND; tick++) row(tick, false);
    if (state.ended && to > state.frontier) rows.push(h("tr", {}, h("td", {}), h("td", { colspan: "4", class: "dim" }, t(`ended.${state.ended.reason}`))));
    return h("section", {}, h("div", { class: "side" }, h("h3", {}, t(which ? "diff.theirs" : "diff.ours")),
      which ? null : h("button", { type: "button", class: "at", on: { click: () => this.open(from) } }, t("diff.open", { n: from }))),
      h("table", {}, h("caption", { class: "sr" }, t("diff.steps")), h("tbody", {}, rows)));
  }

  /** Close, and show the step on the page. @param {number} tick */
  open(tick) {
    /** @type {HTMLDialogElement | null} */ (this.body.closest("dialog"))?.close();
    this.sides[0].goTo(tick);
  }

  /**
   * What the machines hold, name by name.
   * @param {number[]} ticks
   * @param {any[]} views
   */
  drawFacts(ticks, views) {
    const [ours, theirs] = views.map((view) => new Map((view && this.adapter.brief?.(view)) ?? []));
    const names = [...new Set([...ours.keys(), ...theirs.keys()])].slice(0, FACTS);
    const cell = (/** @type {import("../trace.js").Value | undefined} */ value) => h("td", {}, value ? valueNode(value) : "");
    fill(this.facts, names.length
      ? h("table", { class: "facts" }, h("caption", {}, t("diff.state")),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { class: "sr" }, t("column.name"))), ticks.map((tick, i) => h("th", { scope: "col" }, `${t(i ? "diff.theirs" : "diff.ours")}, ${t("state.meta", { n: tick })}`)))),
        h("tbody", {}, names.map((name) => {
          const [a, b] = [ours.get(name), theirs.get(name)];
          const differs = !a || !b || a.t !== b.t || (a.id === undefined ? valueText(a) !== valueText(b) : a.s !== b.s);
          return h("tr", { class: differs ? "differs" : "" }, h("th", { scope: "row" }, differs ? h("span", { class: "sign", role: "img", "aria-label": t("diff.differs") }, "≠ ") : "", name), cell(a), cell(b));
        })))
      : null);
  }
}
