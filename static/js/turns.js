// @ts-check
// Who draws in a frame. While somebody drags or holds a key, every frame shows another step; panes that only follow the
// others' eyes (source, listing) then take turns, so that no frame has to lay out and paint them all.

/**
 * @typedef {object} Follower
 * @property {number} [turn]   followers with one number draw in one frame; without: in every frame
 */

/** @template {Follower} T */
export class Turns {
  /** What those who are behind have not heard of yet. They are in the order in which they fell behind. @type {Map<T, Set<string>>} */
  #behind = new Map();

  /**
   * Who is to draw now, and what has changed since each drew last: everybody, or, while the step moves, those without a
   * turn and those whose turn has waited longest. So with n turns nobody is more than n - 1 frames behind, and in the
   * first frame without a move, nobody is at all.
   * @param {T[]} all
   * @param {Set<string>} changed   since the last frame
   * @param {boolean} moving        the step has moved in this frame and is expected to move in the next
   * @returns {[T, Set<string>][]}
   */
  take(all, changed, moving) {
    for (const one of all) {
      const missed = this.#behind.get(one);
      if (missed) for (const name of changed) missed.add(name);
      else this.#behind.set(one, new Set(changed));
    }
    const first = moving ? [...this.#behind.keys()].find(({ turn }) => turn !== undefined)?.turn : undefined;
    /** @type {[T, Set<string>][]} */
    const due = [];
    for (const one of all) {
      if (moving && one.turn !== undefined && one.turn !== first) continue;
      due.push([one, this.#behind.get(one) ?? changed]);
      this.#behind.delete(one);
    }
    return due;
  }

  /** Whether somebody is behind and wants another frame. */
  get waiting() {
    return this.#behind.size > 0;
  }

  clear() {
    this.#behind.clear();
  }
}
