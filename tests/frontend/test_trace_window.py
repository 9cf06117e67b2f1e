"""The browser's decoder of trace frames, run in Node on frames that engine.trace encoded."""

from __future__ import annotations

import base64
import json
import random
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.trace import COLUMNS, TraceBatch, ValueTag, WriteKind, decode, value_text

ROOT = Path(__file__).resolve().parents[2]


def run_node(script: str, data: object) -> Any:
    """The JSON that an ES module prints; `input` is the data that it gets."""
    program = (
        f'import {{ TraceWindow }} from "{ROOT.as_uri()}/static/js/trace.js";\n'
        f'import {{ formatFloat }} from "{ROOT.as_uri()}/static/js/tracevalue.js";\n'
        'import { readFileSync } from "node:fs";\n'
        'const input = JSON.parse(readFileSync(0, "utf8"));\n'
        "const frame = (text) => { const b = Buffer.from(text, 'base64'); "
        "return b.buffer.slice(b.byteOffset, b.byteOffset + b.length); };\n" + script
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", program],
        input=json.dumps(data),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def batch(first: int, steps: list[dict[str, Any]]) -> TraceBatch:
    """A batch of the steps; each has the step columns and `w`, a list of {write column: value}."""
    made = TraceBatch(max(1, len(steps)), max(1, sum(len(s["w"]) for s in steps)), 4096)
    made.first_tick, made.step_count = first, len(steps)
    writes = [w for s in steps for w in s["w"]]
    made.write_count = len(writes)
    for column in COLUMNS:
        rows = steps if column.per == "step" else writes
        values = [len(s["w"]) if column.name == "writes" else s[column.name] for s in rows]
        packed = struct.pack(f"<{len(values)}{column.code}", *values)
        made.columns[column.name][: len(packed)] = packed
    return made


def step(where: int, depth: int = 1, w: list[dict[str, Any]] | None = None, **more: int) -> dict[str, Any]:
    return {"where": where, "base": 3, "thread": 1, "flags": 0, "depth": depth, "writes": 0, "w": w or [], **more}


def write(kind: int, owner: int, key: int, old: int = 0, new: int = 1, tag: int = ValueTag.INTEGER) -> dict[str, Any]:
    return {
        "w_kind": int(kind),
        "w_owner": owner,
        "w_key": key,
        "w_key_tag": int(ValueTag.INTEGER),
        "w_old": old,
        "w_old_tag": int(tag),
        "w_new": new,
        "w_new_tag": int(tag),
    }


def random_steps(rng: random.Random, count: int) -> list[dict[str, Any]]:
    return [
        step(
            rng.randrange(40),
            rng.randrange(1, 6),
            [
                write(WriteKind.SLOT, 1, rng.randrange(12), rng.getrandbits(64), rng.getrandbits(64))
                for _ in range(rng.randrange(3))
            ],
            flags=rng.getrandbits(16),
        )
        for _ in range(count)
    ]


def encoded(*batches: TraceBatch) -> list[str]:
    return [base64.b64encode(b.encode()).decode() for b in batches]


def test_every_column_arrives_as_it_was_recorded() -> None:
    rng = random.Random(1)
    steps = random_steps(rng, 200)
    made = batch(501, steps)
    got = run_node(
        "const w = new TraceWindow(); w.add(frame(input[0]));\n"
        "console.log(JSON.stringify(Array.from({ length: 200 }, (_x, i) => w.step(501 + i))));",
        encoded(made),
    )
    for i, (want, have) in enumerate(zip(steps, got, strict=True)):
        assert have["tick"] == 501 + i
        assert {name: have[name] for name in ("where", "base", "thread", "flags", "depth")} == {
            name: want[name] for name in ("where", "base", "thread", "flags", "depth")
        }
        assert [(w["kind"], w["owner"], w["index"]) for w in have["writes"]] == [
            (w["w_kind"], w["w_owner"], w["w_key"]) for w in want["w"]
        ]
        assert [(w["old"]["s"], w["value"]["s"]) for w in have["writes"]] == [
            (str(value_text(made, w["w_old_tag"], w["w_old"])), str(value_text(made, w["w_new_tag"], w["w_new"])))
            for w in want["w"]
        ]


def test_values_read_as_the_machine_prints_them() -> None:
    text = b'a"b\n' + b"x" * 60
    floats = [0.0, 1.5, -2.0, 1e100, 0.1, 3.14159265358979, 1e15, 123456.0, 1e-7]
    values: list[tuple[int, int, str]] = [
        (ValueTag.NIL, 0, "nil"),
        (ValueTag.TRUE, 0, "true"),
        (ValueTag.INTEGER, (1 << 64) - 5, "-5"),
        (ValueTag.INTEGER, (1 << 63) - 1, "9223372036854775807"),
        (ValueTag.TABLE, 7, "table"),
        (ValueTag.NATIVE, 1, "select"),
        (ValueTag.BITS8, 5, "05"),
        (ValueTag.BITS16, 0xBEEF, "beef"),
        (ValueTag.BITS64, 0x1122334455667788, "1122334455667788"),
        (ValueTag.STRING, 4 << 32, '"a\\"b\\n"'),
        (ValueTag.STRING, (99 << 32) | 5, '"' + "x" * 60 + '…"'),
    ]
    for f in floats:
        printed = f"{f:.14g}"
        printed += "" if "e" in printed or "." in printed else ".0"
        values.append((ValueTag.FLOAT, struct.unpack("<Q", struct.pack("<d", f))[0], printed))
    made = batch(1, [step(0, w=[write(WriteKind.SLOT, 1, 0, payload, payload, tag)]) for tag, payload, _ in values])
    made.text[:5] = bytes([4]) + text[:4]
    made.text[5:66] = bytes([60]) + text[4:64]
    made.text_bytes = 66
    got = run_node(
        "const w = new TraceWindow(); w.natives = ['print', 'select']; w.add(frame(input[0]));\n"
        "console.log(JSON.stringify(Array.from({ length: w.chunks[0].last }, "
        "(_x, i) => w.step(i + 1).writes[0].value.s)));",
        encoded(made),
    )
    assert got == [text for _tag, _payload, text in values]


@pytest.mark.parametrize("seed", range(4))
def test_counts_and_last_writers_agree_with_counting_by_hand_in_both_directions(seed: int) -> None:
    rng = random.Random(seed)
    steps = random_steps(rng, 300)
    frames = [batch(1 + at, steps[at : at + 37]) for at in range(0, 300, 37)]
    probes = [rng.randrange(301) for _ in range(40)]
    got = run_node(
        "const w = new TraceWindow(); for (const f of input.frames) w.add(frame(f));\n"
        "console.log(JSON.stringify(input.probes.map((n) => [Array.from(w.countsAt(n).slice(0, 40)), "
        "Array.from({ length: 12 }, (_x, slot) => w.lastWriter(1, 1, slot, n))])));",
        {"frames": encoded(*frames), "probes": probes},
    )
    for tick, (counts, writers) in zip(probes, got, strict=True):
        assert counts == [sum(s["where"] == row for s in steps[:tick]) for row in range(40)]
        for slot, writer in enumerate(writers):
            wrote = [n for n, s in enumerate(steps[:tick], 1) if any(w["w_key"] == slot for w in s["w"])]
            assert writer == (wrote[-1] if wrote else 0)


def test_a_window_with_a_gap_knows_what_it_has_and_what_it_lacks() -> None:
    rng = random.Random(9)
    steps = random_steps(rng, 100)
    frames = encoded(batch(1, steps[:20]), batch(61, steps[60:]), batch(31, steps[30:50]), batch(1, steps[:20]))
    got = run_node(
        "const w = new TraceWindow(); for (const f of input) w.add(frame(f));\n"
        "console.log(JSON.stringify({ has: Array.from({ length: 101 }, (_x, n) => w.has(n)), "
        "chunks: w.chunks.map((c) => c.first), where: w.where(45), gap: w.where(25), "
        "counts: Array.from(w.countsAt(100).slice(0, 40)), back: Array.from(w.countsAt(40).slice(0, 40)) }));",
        frames,
    )
    known = [n for n in range(101) if 1 <= n <= 20 or 31 <= n <= 50 or n >= 61]
    assert [n for n, has in enumerate(got["has"]) if has] == known
    assert got["chunks"] == [1, 31, 61]
    assert (got["where"], got["gap"]) == (steps[44]["where"], -1)
    assert got["counts"] == [sum(steps[n - 1]["where"] == row for n in known) for row in range(40)]
    assert got["back"] == [sum(steps[n - 1]["where"] == row for n in known if n <= 40) for row in range(40)]


def test_memory_writers_reach_every_byte_of_a_wide_write() -> None:
    steps = [
        step(0, w=[write(WriteKind.MEMORY, 0, 0x100, tag=ValueTag.BITS16)]),
        step(0, w=[write(WriteKind.MEMORY, 0, 0xFE, tag=ValueTag.BITS32)]),
        step(0, w=[write(WriteKind.MEMORY, 0, 0x103, tag=ValueTag.BITS8)]),
    ]
    got = run_node(
        "const w = new TraceWindow(); w.add(frame(input[0]));\n"
        "console.log(JSON.stringify([1, 2, 3].map((n) => w.memoryWriters(0x100, 5, n))));",
        encoded(batch(1, steps)),
    )
    assert got == [[1, 1, 0, 0, 0], [2, 2, 0, 0, 0], [2, 2, 0, 3, 0]]


def test_stepping_over_a_call_lands_where_the_depth_is_no_greater() -> None:
    depths = [1, 1, 2, 2, 3, 3, 2, 1, 1]
    made = batch(1, [step(0, depth) for depth in depths])
    got = run_node(
        "const w = new TraceWindow(); w.add(frame(input[0]));\n"
        "console.log(JSON.stringify([w.positionAtDepth(1, 1, 1), "
        "w.positionAtDepth(2, 1, 1), w.positionAtDepth(7, -1, 1), w.positionAtDepth(8, 1, 1)]));",
        encoded(made),
    )
    # The position before step n+1: over step 2 (depth 1), which calls, to the position before step 8 (depth 1 again).
    assert got == [7, 7, 1, -1]


def test_frames_that_overlap_keep_every_step_once() -> None:
    rng = random.Random(3)
    steps = random_steps(rng, 120)
    ranges = [(20, 60), (50, 90), (1, 30), (70, 120), (25, 28), (40, 75)]
    frames = encoded(*(batch(first, steps[first - 1 : last]) for first, last in ranges))
    got = run_node(
        "const w = new TraceWindow(); for (const f of input) w.add(frame(f));\n"
        "console.log(JSON.stringify([Array.from({ length: 120 }, (_x, n) => w.where(n + 1)), "
        "Array.from(w.countsAt(120).slice(0, 40))]));",
        frames,
    )
    assert got == [[s["where"] for s in steps], [sum(s["where"] == row for s in steps) for row in range(40)]]


def test_a_gap_hides_writers_instead_of_naming_a_wrong_one() -> None:
    steps = [step(0, w=[write(WriteKind.SLOT, 1, 7)] if n in (3, 12) else []) for n in range(1, 31)]
    frames = encoded(batch(1, steps[:10]), batch(21, steps[20:]))
    got = run_node(
        "const w = new TraceWindow(); for (const f of input) w.add(frame(f));\n"
        "console.log(JSON.stringify({ early: w.lastWriter(1, 1, 7, 9), late: w.lastWriter(1, 1, 7, 25), "
        "from: [9, 15, 25].map((n) => w.knownFrom(n)), all: [9, 10, 11, 25].map((n) => w.knowsAll(n)) }));",
        frames,
    )
    # Step 12, which the window has not seen, wrote the slot after step 3: nothing is said rather than step 3.
    assert got == {"early": 3, "late": 0, "from": [1, 16, 21], "all": [True, True, False, False]}


@settings(deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 60), st.integers(1, 4000))
def test_a_batch_comes_out_of_its_frames_as_it_went_in(rng: random.Random, count: int, most_bytes: int) -> None:
    made = batch(77, random_steps(rng, count))
    text = rng.randbytes(rng.randrange(200))
    made.text[: len(text)], made.text_bytes = text, len(text)
    columns: dict[str, list[int]] = {column.name: [] for column in COLUMNS}
    ticks: list[int] = []
    for frame in made.frames(most_bytes):
        part = decode(frame)
        assert part.text == text
        assert len(frame) - len(text) <= most_bytes or part.step_count < 2
        ticks += range(part.first_tick, part.first_tick + part.step_count)
        for name, values in columns.items():
            values.extend(part.column(name))
    assert ticks == list(range(77, 77 + count))
    assert columns == {column.name: list(made.column(column.name)) for column in COLUMNS}


@pytest.mark.parametrize("change", [{0: 1}, {1: 9}])
def test_a_frame_of_another_version_or_kind_is_refused(change: dict[int, int]) -> None:
    frame = bytearray(batch(1, [step(0)]).encode())
    for at, value in change.items():
        frame[at] = value
    with pytest.raises(ValueError, match="a frame of version"):
        decode(bytes(frame))
    with pytest.raises(ValueError, match="are expected"):
        decode(batch(1, [step(0)]).encode() + b"x")


def test_a_full_window_drops_what_is_farthest_from_the_position() -> None:
    rng = random.Random(5)
    batches = [batch(first, random_steps(rng, 100)) for first in range(1, 2001, 100)]
    got = run_node(
        "const one = new TraceWindow(); one.add(frame(input[0]));\n"
        "const most = Math.round(one.chunks[0].bytes * 8.5);\n"
        "const out = [];\n"
        "for (const position of [0, 1000, 2000]) {\n"
        "  const w = new TraceWindow(most); w.position = position;\n"
        "  for (const text of input) w.add(frame(text));\n"
        "  const sum = w.chunks.reduce((n, c) => n + c.bytes, 0);\n"
        "  out.push({ fits: sum <= most, most: w.chunks.length, firsts: w.chunks.map((c) => c.first) });\n"
        "}\n"
        "console.log(JSON.stringify(out));",
        encoded(*batches),
    )
    assert all(one["fits"] and one["most"] >= 6 for one in got)
    begin, middle, end = (one["firsts"] for one in got)
    assert begin[:6] == list(range(1, 601, 100))
    assert end == list(range(end[0], 2000, 100))
    assert end[-1] == 1901
    assert set(range(801, 1200, 100)) <= set(middle)


def test_who_wrote_is_known_in_any_order_of_asking() -> None:
    """Writers are looked up as far as somebody asks, and only in the unbroken steps around."""
    rng = random.Random(6)
    early, late = random_steps(rng, 300), random_steps(rng, 300)
    asked = [(rng.choice([rng.randrange(1, 301), rng.randrange(501, 801)]), rng.randrange(12)) for _ in range(60)]
    got = run_node(
        "const w = new TraceWindow(); for (const one of input.frames) w.add(frame(one));\n"
        "console.log(JSON.stringify(input.asked.map(([tick, slot]) => w.lastWriter(1, 1, slot, tick))));",
        {"frames": encoded(batch(1, early[:120]), batch(121, early[120:]), batch(501, late)), "asked": asked},
    )
    for (tick, slot), answer in zip(asked, got, strict=True):
        first, steps = (1, early) if tick <= 300 else (501, late)
        wrote = [
            first + i for i, s in enumerate(steps) if first + i <= tick and any(w["w_key"] == slot for w in s["w"])
        ]
        assert answer == (wrote[-1] if wrote else 0)
