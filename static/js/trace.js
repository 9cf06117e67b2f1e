// @ts-check
// The trace in the browser: steps as typed arrays, frame by frame, found by tick.
import { PEAK, decode } from "./frame.js";
import { Tag, Write } from "./gen/protocol.js";
import { traceValue } from "./tracevalue.js";

/** What the window's columns may take, in bytes: some 1,900,000 steps of Lua or 1,200,000 of a CPU. */
const MOST_BYTES = 96 << 20;
/** When there is more, so much of it goes at once, farthest from the position first. */
const DROPPED = 1 / 16;

/** @typedef {import("./tracevalue.js").Value} Value */

/**
 * @typedef {object} StepWrite
 * @property {number} kind       a Write
 * @property {number} owner
 * @property {Value} key
 * @property {number} index      the key as a number when it is a whole one, else -1
 * @property {Value} old
 * @property {Value} value       what it is now
 */

/**
 * @typedef {{tick: number, where: number, base: number, thread: number, flags: number, depth: number, writes: StepWrite[]}} Step
 */

/** @typedef {import("./frame.js").Chunk} Chunk */

/**
 * One writable place as a map key. Small numbers pack into one; the rest becomes text.
 * @param {number} kind
 * @param {number} owner
 * @param {number} tag
 * @param {number} lo
 * @param {number} hi
 * @returns {number | string}
 */
function place(kind, owner, tag, lo, hi) {
  if (hi === 0 && owner < 1 << 16 && tag === Tag.INTEGER && lo < 1 << 30) return kind + 8 * (owner + 65536 * lo);
  return `${kind} ${owner} ${tag} ${hi} ${lo}`;
}

export class TraceWindow {
  /** In tick order, without overlap. @type {Chunk[]} */
  chunks = [];
  /** Names of built-in functions by number, from the listing. @type {string[]} */
  natives = [];
  /** Bumped whenever steps are added or dropped. */
  version = 0;
  /** The tick that steps are kept around when there are too many. */
  position = 0;

  /** Who wrote what, of the steps of one unbroken run as far as somebody has asked. @type {Map<number | string, number[]>} */
  #writers = new Map();
  /** The run's first tick, and the last one that is in `#writers`. */
  #indexed = { from: 0, to: -1 };
  #bytes = 0;
  /** @type {Uint32Array} */
  #counts = new Uint32Array(256);
  #countsTick = 0;

  /** @param {number} mostBytes */
  constructor(mostBytes = MOST_BYTES) {
    this.mostBytes = mostBytes;
  }

  clear() {
    this.chunks = [];
    this.#bytes = 0;
    this.#forget();
    this.version++;
  }

  #forget() {
    this.#writers = new Map();
    this.#indexed = { from: 0, to: -1 };
    this.#counts = new Uint32Array(256);
    this.#countsTick = 0;
  }

  /**
   * Take a frame's steps. Answers the first tick of them.
   * @param {ArrayBuffer} buffer
   */
  add(buffer) {
    const chunk = decode(buffer);
    if (chunk.last < chunk.first) return chunk.first;
    this.version++;
    const end = this.chunks.at(-1);
    if (!end || chunk.first > end.last) {
      this.chunks.push(chunk);
      this.#bytes += chunk.bytes;
    } else if (!this.#insert(chunk)) return chunk.first;
    if (this.#bytes > this.mostBytes) this.#drop();
    return chunk.first;
  }

  /**
   * A frame that repeats known steps is cut to what is new; one that lies across a smaller one takes its place.
   * @param {Chunk} chunk
   */
  #insert(chunk) {
    const kept = [];
    for (const old of this.chunks) {
      if (old.last < chunk.first || old.first > chunk.last) kept.push(old);
      else if (old.first <= chunk.first && old.last >= chunk.last) return false;
      else if (old.first < chunk.first) kept.push({ ...old, last: chunk.first - 1 });
      else if (old.last > chunk.last) {
        chunk.last = old.first - 1;
        kept.push(old);
      }
    }
    this.chunks = [...kept, chunk].sort((x, y) => x.first - y.first);
    this.#bytes = this.chunks.reduce((sum, c) => sum + c.bytes, 0);
    this.#forget();
    return true;
  }

  /** There is too much: the steps farthest from the position go. */
  #drop() {
    const { chunks, position } = this;
    const goal = this.mostBytes * (1 - DROPPED);
    let first = 0;
    let last = chunks.length - 1;
    while (this.#bytes > goal && first < last) {
      const gone = position - chunks[first].last > chunks[last].first - position ? first++ : last--;
      this.#bytes -= chunks[gone].bytes;
    }
    this.chunks = chunks.slice(first, last + 1);
    this.#forget();
  }

  /** @param {number} tick @returns {Chunk | null} */
  #chunk(tick) {
    let lo = 0;
    let hi = this.chunks.length - 1;
    while (lo <= hi) {
      const mid = (lo + hi) >> 1;
      const c = this.chunks[mid];
      if (tick < c.first) hi = mid - 1;
      else if (tick > c.last) lo = mid + 1;
      else return c;
    }
    return null;
  }

  /** @param {number} tick */
  has(tick) {
    return this.#chunk(tick) !== null;
  }

  /**
   * The first tick of the unbroken run of known steps that ends at `tick`; `tick` + 1 if that step itself is unknown.
   * Steps before it may exist that the window has never seen.
   * @param {number} tick
   */
  knownFrom(tick) {
    // Asked for every register of a frame, about the same step.
    if (tick === this.#known.tick && this.version === this.#known.version) return this.#known.first;
    const first = this.#searchKnown(tick);
    this.#known = { tick, version: this.version, first };
    return first;
  }

  #known = { tick: -1, version: -1, first: 0 };

  /** @param {number} tick */
  #searchKnown(tick) {
    let first = tick + 1;
    for (let i = this.chunks.length - 1; i >= 0; i--) {
      const c = this.chunks[i];
      if (c.first < first && c.last >= first - 1) first = c.first;
      else if (c.last < first - 1) break;
    }
    return first;
  }

  /**
   * Whether every step up to `tick` is known, so that counts are counts and no writer is missed.
   * @param {number} tick
   */
  knowsAll(tick) {
    return this.knownFrom(tick) <= 1;
  }

  /**
   * The row of step `tick`, or -1 when the window lacks it.
   * @param {number} tick
   */
  where(tick) {
    const c = this.#chunk(tick);
    return c ? c.cols.where[tick - c.first] : -1;
  }

  /**
   * Call depth of step `tick`, or 0.
   * @param {number} tick
   */
  depth(tick) {
    const c = this.#chunk(tick);
    return c ? c.cols.depth[tick - c.first] : 0;
  }

  /**
   * Flags of step `tick`, or 0.
   * @param {number} tick
   */
  flags(tick) {
    const c = this.#chunk(tick);
    return c ? c.cols.flags[tick - c.first] : 0;
  }

  /**
   * Where step `tick` was executed, without its writes.
   * @param {number} tick
   * @returns {{where: number, base: number, thread: number, depth: number} | null}
   */
  place(tick) {
    const c = this.#chunk(tick);
    if (!c) return null;
    const i = tick - c.first;
    return { where: c.cols.where[i], base: c.cols.base[i], thread: c.cols.thread[i], depth: c.cols.depth[i] };
  }

  /**
   * The step in which the frame waits that called the one of `depth` that a coroutine is in after step `tick`. Null if the
   * window does not reach back to it, or if a built-in function is between the two.
   * @param {number} tick
   * @param {number} thread
   * @param {number} depth
   */
  callerOf(tick, thread, depth) {
    if (depth <= 1) return null;
    const from = this.knownFrom(tick);
    for (let c = this.#chunk(tick); c && c.last >= from; c = this.#chunk(c.first - 1)) {
      const { depth: depths, thread: threads } = c.cols;
      for (let i = Math.min(tick, c.last) - c.first; i >= 0; i--) {
        if (depths[i] >= depth || threads[i] !== thread) continue;
        return depths[i] === depth - 1 ? this.place(c.first + i) : null;
      }
    }
    return null;
  }

  /**
   * The last step at or before `tick` that has one of the flags; 0 if the window has none.
   * @param {number} mask
   * @param {number} tick
   */
  lastFlag(mask, tick) {
    for (let n = this.chunks.length - 1; n >= 0; n--) {
      const c = this.chunks[n];
      if (c.first > tick || !(c.flags & mask)) continue;
      for (let i = Math.min(tick, c.last) - c.first; i >= 0; i--) if (c.cols.flags[i] & mask) return c.first + i;
    }
    return 0;
  }

  /** @param {number} tick @returns {Step | null} */
  step(tick) {
    const c = this.#chunk(tick);
    if (!c) return null;
    const i = tick - c.first;
    const { cols } = c;
    /** @type {StepWrite[]} */
    const writes = [];
    for (let w = c.starts[i]; w < c.starts[i + 1]; w++) writes.push(this.#write(c, w));
    return {
      tick,
      where: cols.where[i],
      base: cols.base[i],
      thread: cols.thread[i],
      flags: cols.flags[i],
      depth: cols.depth[i],
      writes,
    };
  }

  /**
   * @param {Chunk} chunk
   * @param {number} w
   * @returns {StepWrite}
   */
  #write(chunk, w) {
    const { cols } = chunk;
    const integer = cols.w_key_tag[w] === Tag.INTEGER;
    return {
      kind: cols.w_kind[w],
      owner: cols.w_owner[w],
      key: traceValue(chunk, this.natives, cols.w_key_tag[w], cols.w_key[2 * w], cols.w_key[2 * w + 1]),
      index: integer && cols.w_key[2 * w + 1] < 0x200000 ? cols.w_key[2 * w] + cols.w_key[2 * w + 1] * 2 ** 32 : -1,
      old: traceValue(chunk, this.natives, cols.w_old_tag[w], cols.w_old[2 * w], cols.w_old[2 * w + 1]),
      value: traceValue(chunk, this.natives, cols.w_new_tag[w], cols.w_new[2 * w], cols.w_new[2 * w + 1]),
    };
  }

  /**
   * What step `tick` did to the place with a whole-number key: what was there before it, and after it.
   * @param {number} tick
   * @param {number} kind
   * @param {number} owner
   * @param {number} key   0 … 2^32 - 1
   * @returns {{old: Value, value: Value} | null}
   */
  written(tick, kind, owner, key) {
    const c = this.#chunk(tick);
    if (!c) return null;
    const { cols, starts } = c;
    const i = tick - c.first;
    let old = -1;
    let last = -1;
    for (let w = starts[i]; w < starts[i + 1]; w++) {
      if (cols.w_kind[w] !== kind || cols.w_owner[w] !== owner || cols.w_key_tag[w] !== Tag.INTEGER || cols.w_key[2 * w] !== key || cols.w_key[2 * w + 1]) continue;
      if (old < 0) old = w;
      last = w;
    }
    return last < 0 ? null : { old: this.#write(c, old).old, value: this.#write(c, last).value };
  }

  /**
   * The last step at or before `tick` that wrote the place with a whole-number key; 0 if the window cannot know it.
   * An upvalue that closes is written with the key -1.
   * @param {number} kind
   * @param {number} owner
   * @param {number} key
   * @param {number} tick
   */
  lastWriter(kind, owner, key, tick) {
    this.#index(tick);
    const hi = Math.floor(key / 2 ** 32) >>> 0;
    const ticks = this.#writers.get(place(kind, owner, Tag.INTEGER, key >>> 0, hi));
    const last = ticks ? atMost(ticks, tick) : 0;
    return last >= this.knownFrom(tick) ? last : 0;
  }

  /**
   * The first step after `tick`, up to `until`, that wrote the place with a whole-number key; 0 if there is none. All
   * steps in between must be known.
   * @param {number} kind
   * @param {number} owner
   * @param {number} key   0 … 2^32 - 1
   * @param {number} tick
   * @param {number} until
   */
  nextWriter(kind, owner, key, tick, until) {
    this.#index(until);
    const ticks = this.#writers.get(place(kind, owner, Tag.INTEGER, key, 0)) ?? [];
    const next = ticks[countAtMost(ticks, tick)] ?? 0;
    return next <= until ? next : 0;
  }

  /**
   * The last step at or before `tick` that wrote any of `bytes` bytes of memory from `address` on, per byte.
   * Writes of up to eight bytes that start below `address` count for the bytes that they reach.
   * @param {number} address
   * @param {number} bytes
   * @param {number} tick
   */
  memoryWriters(address, bytes, tick) {
    this.#index(tick);
    const known = this.knownFrom(tick);
    const out = new Array(bytes).fill(0);
    for (let at = Math.max(0, address - 7); at < address + bytes; at++) {
      const ticks = this.#writers.get(place(Write.MEMORY, 0, Tag.INTEGER, at >>> 0, Math.floor(at / 2 ** 32)));
      if (!ticks) continue;
      const last = atMost(ticks, tick);
      if (!last || last < known) continue;
      const width = this.#widthAt(last, at);
      for (let b = at; b < at + width; b++) {
        if (b >= address && b < address + bytes) out[b - address] = Math.max(out[b - address], last);
      }
    }
    return out;
  }

  /**
   * @param {number} tick
   * @param {number} address
   */
  #widthAt(tick, address) {
    const c = this.#chunk(tick);
    if (!c) return 1;
    const i = tick - c.first;
    for (let w = c.starts[i]; w < c.starts[i + 1]; w++) {
      if (c.cols.w_kind[w] === Write.MEMORY && c.cols.w_key[2 * w] === address >>> 0) {
        return 1 << Math.max(0, c.cols.w_new_tag[w] - Tag.BITS8);
      }
    }
    return 1;
  }

  /**
   * Have the writes of the unbroken run of steps that ends at `tick` in `#writers`; of what comes after it nobody asks.
   * @param {number} tick
   */
  #index(tick) {
    const from = this.knownFrom(tick);
    if (from > tick) return;
    if (from !== this.#indexed.from) {
      this.#writers = new Map();
      this.#indexed = { from, to: from - 1 };
    }
    for (let c = this.#chunk(this.#indexed.to + 1); c && c.first <= tick; c = this.#chunk(c.last + 1)) {
      const { cols, starts } = c;
      for (let i = this.#indexed.to + 1 - c.first; i + c.first <= c.last; i++) {
        for (let w = starts[i]; w < starts[i + 1]; w++) {
          const p = place(cols.w_kind[w], cols.w_owner[w], cols.w_key_tag[w], cols.w_key[2 * w], cols.w_key[2 * w + 1]);
          const ticks = this.#writers.get(p);
          if (!ticks) this.#writers.set(p, [c.first + i]);
          else if (ticks[ticks.length - 1] !== c.first + i) ticks.push(c.first + i);
        }
      }
      this.#indexed.to = c.last;
    }
  }

  /**
   * How often each row ran in the steps 1 … `tick` that the window has; indexed by `where`. Valid until the next call.
   * @param {number} tick
   */
  countsAt(tick) {
    if (tick < this.#countsTick - tick) {
      this.#counts.fill(0);
      this.#countsTick = 0;
    }
    while (this.#countsTick !== tick) {
      const forward = this.#countsTick < tick;
      const at = forward ? this.#countsTick + 1 : this.#countsTick;
      const c = this.#chunk(at);
      if (!c) {
        const next = forward ? this.#nextTick(at, tick) : this.#previousTick(at, tick);
        this.#countsTick = next;
        continue;
      }
      const { where } = c.cols;
      if (forward) {
        const stop = Math.min(tick, c.last);
        for (let n = at; n <= stop; n++) this.#bump(where[n - c.first], 1);
        this.#countsTick = stop;
      } else {
        const stop = Math.max(tick, c.first - 1);
        for (let n = at; n > stop; n--) this.#bump(where[n - c.first], -1);
        this.#countsTick = stop;
      }
    }
    return this.#counts;
  }

  /** @param {number} from @param {number} limit */
  #nextTick(from, limit) {
    const c = this.chunks.find((one) => one.first > from);
    return c ? Math.min(limit, c.first - 1) : limit;
  }

  /** @param {number} from @param {number} limit */
  #previousTick(from, limit) {
    for (let i = this.chunks.length - 1; i >= 0; i--) {
      if (this.chunks[i].last < from) return Math.max(limit, this.chunks[i].last);
    }
    return limit;
  }

  /** @param {number} where @param {number} by */
  #bump(where, by) {
    if (where >= this.#counts.length) {
      const wider = new Uint32Array(Math.max(where + 1, this.#counts.length * 2));
      wider.set(this.#counts);
      this.#counts = wider;
    }
    this.#counts[where] += by;
  }

  /**
   * The largest depth in each of `buckets` equal stretches of the ticks `from` + 1 … `to`; 0 where the window has nothing.
   * @param {number} from
   * @param {number} to
   * @param {number} buckets
   */
  silhouette(from, to, buckets) {
    const out = new Uint16Array(buckets);
    const total = to - from;
    // Drawn anew whenever steps arrive: a wide bucket looks at the peaks of PEAK steps each, and may so take in a few
    // steps of its neighbours; a narrow one at each step.
    const wide = total >= 4 * PEAK * buckets;
    for (const c of this.chunks) {
      const first = Math.max(c.first, from + 1);
      const last = Math.min(c.last, to);
      if (first > last) continue;
      const depths = wide ? c.peaks : c.cols.depth;
      for (let b = Math.floor(((first - 1 - from) * buckets) / total); b < buckets; b++) {
        const begin = Math.max(first, from + 1 + Math.floor((b * total) / buckets)) - c.first;
        if (begin > last - c.first) break;
        const end = Math.min(last, from + Math.ceil(((b + 1) * total) / buckets)) - c.first;
        let most = out[b];
        const stop = wide ? Math.floor(end / PEAK) : end;
        for (let i = wide ? Math.floor(begin / PEAK) : begin; i <= stop; i++) if (depths[i] > most) most = depths[i];
        out[b] = most;
      }
    }
    return out;
  }

  /**
   * Forget the steps after `tick`: another branch has other ones.
   * @param {number} tick
   */
  truncate(tick) {
    this.chunks = this.chunks.filter((c) => c.first <= tick).map((c) => (c.last > tick ? { ...c, last: tick } : c));
    this.#bytes = this.chunks.reduce((sum, c) => sum + c.bytes, 0);
    this.#forget();
    this.version++;
  }

  /**
   * Visit every step whose flags meet `mask`, or whose row is in `rows`.
   * @param {number} mask
   * @param {Set<number>} rows
   * @param {(tick: number, flags: number, where: number) => void} visit
   */
  scan(mask, rows, visit) {
    for (const c of this.chunks) {
      if (!(c.flags & mask) && !rows.size) continue;
      for (let i = 0; c.first + i <= c.last; i++) {
        const flags = c.cols.flags[i];
        const where = c.cols.where[i];
        if (flags & mask || (rows.size && rows.has(where))) visit(c.first + i, flags, where);
      }
    }
  }

  /**
   * From `tick` go in `direction` to the nearest position whose next instruction is at `depth` or shallower.
   * Answers -1 when the window ends first.
   * @param {number} tick
   * @param {number} direction
   * @param {number} depth
   */
  positionAtDepth(tick, direction, depth) {
    for (let n = tick + direction; n >= 0; n += direction) {
      const d = this.depth(n + 1);
      if (d === 0) return -1;
      if (d <= depth) return n;
    }
    return -1;
  }
}

/**
 * The largest number of an ascending list that is not above `limit`, or 0.
 * @param {number[]} ticks
 * @param {number} limit
 */
function atMost(ticks, limit) {
  const count = countAtMost(ticks, limit);
  return count ? ticks[count - 1] : 0;
}

/**
 * How many numbers of an ascending list are not above `limit`.
 * @param {number[]} ticks
 * @param {number} limit
 */
function countAtMost(ticks, limit) {
  let lo = 0;
  let hi = ticks.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (ticks[mid] <= limit) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}
