// @ts-check
/** After a restart of the server: the program is run again, with what it was given, up to the step that was shown. */

/** Milliseconds between attempts; all pages lost their server at the same moment, so each waits a little differently. */
const WAITS = [500, 1000, 2000, 4000, 8000, 16000];

/**
 * Try until the run is there again. It stops where somebody else has begun a run, or has changed the program: then
 * that is to be decided by whoever did.
 * @param {import("./session.js").Session} session
 */
export async function comeBack(session) {
  const { tick, inputs, notice } = session.state;
  for (const wait of WAITS) {
    await new Promise((go) => setTimeout(go, wait * (0.75 + Math.random() / 2)));
    if (session.state.phase !== "failed" || session.state.stale) return;
    await session.run(tick, inputs);
    if (session.state.notice?.key === "notice.connection") session.store.set({ notice });
  }
}
