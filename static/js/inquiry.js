// @ts-check
// Questions about the whole recording, beyond what the trace window has seen: who wrote this, where did this line run
// next, where is the next event. Fetched when the first one is asked.
import { Flag } from "./gen/protocol.js";
import { laterWords } from "./i18n.js";

/** @typedef {import("./session.js").Session} Session */

/**
 * Say something in the notice line.
 * @param {Session} session
 * @param {string} key
 */
async function say(session, key) {
  await laterWords();
  session.store.set({ notice: { key, tone: "info" } });
}

/**
 * Go to the step that wrote a target last.
 * @param {Session} session
 * @param {Record<string, any>} target as in docs/views.md
 */
export async function toWriter(session, target) {
  const answer = await session.ask("writers", { target });
  if (answer?.before) session.goTo(answer.before.tick);
  else if (answer) await say(session, "inquiry.nowriter");
}

/**
 * Go to the next (1) or previous (-1) execution of a place, around the recording's end.
 * @param {Session} session
 * @param {Record<string, any>} place {where} or {line, file}
 * @param {1 | -1} direction
 */
export async function cycle(session, place, direction) {
  const { tick } = session.state;
  const on = direction > 0 ? { from: tick + 1 } : { from: 0, to: Math.max(0, tick - 1) };
  const first = await session.ask("executions", { place, direction, limit: 1, ...on });
  const around = !first || first.ticks.length ? first : await session.ask("executions", { place, direction, limit: 1 });
  if (around?.ticks.length) session.goTo(around.ticks[0]);
  else if (around) await say(session, "inquiry.neverran");
}

/**
 * Go to the next (1) or previous (-1) step with one of these flags.
 * @param {Session} session
 * @param {number} mask
 * @param {1 | -1} direction
 */
export async function toEvent(session, mask, direction) {
  const names = Object.entries(Flag).filter(([, bit]) => bit & mask).map(([name]) => name.toLowerCase());
  const before = session.state.tick;
  const stopped = await session.move("find", { flags: names, direction });
  // The search that finds nothing ends at the recording's end or start: stay where the visitor was.
  if (!stopped || stopped.flags & mask) return;
  session.goTo(before);
  await say(session, direction > 0 ? "inquiry.nonext" : "inquiry.noprevious");
}
