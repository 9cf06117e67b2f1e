"""Whoever applies the trace's writes knows the state: a model that is fed with nothing else agrees with the view."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable
from typing import Any

import pytest

from engine.events import StepFlag
from engine.lua.machine import LuaMachine
from engine.trace import TraceBatch, ValueTag, WriteKind
from tests.lua_machine.programs import EXAMPLES, NESTED

Make = Callable[..., LuaMachine]
SOURCES = {p.stem: p.read_text(encoding="utf-8") for p in EXAMPLES} | NESTED
Value = tuple[Any, ...]
ABSENT: Value = ("absent",)
NIL: Value = ("nil",)


class Model:
    """Stack slots, table fields, metatables and upvalues as the trace tells them."""

    def __init__(self, natives: list[str]) -> None:
        self.natives = natives
        self.slots: dict[tuple[int, int], Value] = {}
        self.fields: dict[tuple[int, Value], Value] = {}
        self.metatables: dict[int, Value] = {}
        self.upvalues: dict[int, Value] = {}
        self.exact = 0  # old values that were known and agreed

    def value(self, batch: TraceBatch, tag: int, payload: int) -> Value:
        if tag == ValueTag.STRING:
            return ("string", *batch.text_at(payload))
        if tag == ValueTag.INTEGER:
            return ("integer", payload - (1 << 64) if payload >> 63 else payload)
        if tag == ValueTag.FLOAT:
            return ("float", struct.pack("<Q", payload))
        if tag == ValueTag.NATIVE:
            return ("native", self.natives[payload])
        if tag in (ValueTag.FALSE, ValueTag.TRUE):
            return ("boolean", tag == ValueTag.TRUE)
        return (ValueTag(tag).name.lower(), payload) if tag >= ValueTag.TABLE else (ValueTag(tag).name.lower(),)

    def feed(self, batch: TraceBatch) -> None:
        column = {name: batch.column(name) for name in batch.columns}
        assert sum(column["writes"]) == batch.write_count
        for w in range(batch.write_count):
            owner, kind = column["w_owner"][w], column["w_kind"][w]
            key = self.value(batch, column["w_key_tag"][w], column["w_key"][w])
            old = self.value(batch, column["w_old_tag"][w], column["w_old"][w])
            new = self.value(batch, column["w_new_tag"][w], column["w_new"][w])
            if kind == WriteKind.SLOT:
                self.write(self.slots, (owner, key[1]), old, new)
            elif kind == WriteKind.FIELD:
                if new in (NIL, ABSENT):
                    self.write(self.fields, (owner, key), old, ABSENT)
                    del self.fields[owner, key]
                else:
                    self.write(self.fields, (owner, key), old, new)
            elif kind == WriteKind.METATABLE:
                self.write(self.metatables, owner, old, new)
            else:
                assert kind == WriteKind.UPVALUE
                self.write(self.upvalues, owner, ABSENT, new)

    def write(self, where: dict[Any, Value], key: Any, old: Value, new: Value) -> None:
        known = where.get(key, ABSENT)
        if old != ABSENT and known != ABSENT:
            assert old == known, f"{key}: the trace says {old} was there, the model has {known}"
            self.exact += 1
        where[key] = new


def shown(value: dict[str, Any]) -> Value:
    """A view's value as the model has it; strings by their text."""
    kind = value["t"]
    if kind == "integer":
        return ("integer", int(value["s"]))
    if kind == "float":
        return ("float", value["s"])
    if kind == "boolean":
        return ("boolean", value["s"] == "true")
    if kind == "nil":
        return NIL
    if kind in ("string", "native"):
        return (kind, value["s"])
    return (kind, value["id"])


def agrees(model: Value, value: dict[str, Any]) -> bool:
    """Does the model's value show as this value of the view?"""
    seen = shown(value)
    if model[0] == "float" and seen[0] == "float":
        number = struct.unpack("<d", model[1])[0]
        text = f"{number:.14g}"
        return seen[1] in (text, f"{text}.0") or (number != number and seen[1] in ("nan", "-nan"))
    if model[0] == "string" and seen[0] == "string":
        plain = re.match(rb"[\w ]*", model[1])
        assert plain
        return bool(seen[1].startswith('"' + plain[0].decode()))
    return model == seen


def compare(model: Model, machine: LuaMachine) -> int:
    """Every register and field that the view shows is what the model has. How many were compared."""
    view = machine.view()
    count = 0
    for thread in view["threads"]:
        for frame in thread["frames"]:
            for register in frame["registers"]:
                key = (thread["id"], register["slot"])
                known = model.slots.get(key)
                place = f"tick {view['tick']} {frame['function']['name']} pc {frame['pc']} R{register['index']}"
                assert known is not None, f"{place} = {register['value']} is in no write"
                assert agrees(known, register["value"]), f"{place}: view {register['value']}, trace {known}"
                count += 1
            for upvalue in frame["upvalues"]:
                known = model.upvalues.get(upvalue["id"])
                if upvalue["open"]:
                    known = model.slots.get((upvalue["thread"], upvalue["slot"]))
                    assert known is not None
                if known is not None:
                    assert agrees(known, upvalue["value"]), f"upvalue {upvalue} is {known}"
                    count += 1
    for table in view["heap"]["tables"]:
        if table["more"] or table["name"] in ("_G", "_ENV") or table["entries"] == 0:
            continue
        known = {key: value for (owner, key), value in model.fields.items() if owner == table["id"]}
        items = [(("integer", n), v) for n, v in enumerate(table["array"], 1) if v["t"] != "nil"]
        assert len(items) + len(table["hash"]) == table["entries"]
        if not known:
            continue  # a library's table: made before the first tick
        for key, value in items:
            assert agrees(known[key], value), f"table {table['id']}[{key}] is {value}, trace {known[key]}"
        assert len(known) == table["entries"], f"tick {view['tick']}: {table} has other keys than {known}"
        assert model.metatables.get(table["id"], NIL) == (("table", table["metatable"]) if table["metatable"] else NIL)
        count += len(items)
    return count


@pytest.mark.parametrize("name", SOURCES)
def test_the_writes_reproduce_the_view_at_every_tick(name: str, machine: Make) -> None:
    subject = machine(SOURCES[name])
    model = Model(subject.listing()["natives"])
    batch = TraceBatch()
    compared = 0
    while True:
        batch.clear()
        stop = subject.run(1, batch)
        model.feed(batch)
        if stop.is_final:
            break
        assert batch.step_count == 1
        assert batch.first_tick == subject.tick
        compared += compare(model, subject)
    assert compared > 50
    assert model.exact > 1


@pytest.mark.parametrize("name", SOURCES)
def test_a_long_recording_says_the_same_as_single_steps(name: str, machine: Make) -> None:
    whole, stepped = machine(SOURCES[name]), machine(SOURCES[name])
    one, many = TraceBatch(), TraceBatch(1 << 14, 1 << 16, 1 << 20)
    whole.run(1 << 14, many)
    fields = ("where", "base", "thread", "depth", "flags", "writes")
    together = list(zip(*(many.column(f) for f in fields), strict=True))
    writes = 0
    for number, expected in enumerate(together):
        one.clear()
        stepped.run(1, one)
        assert list(zip(*(one.column(f) for f in fields), strict=True)) == [expected], f"step {number + 1}"
        for w in range(one.write_count):
            for field in ("w_kind", "w_owner", "w_key_tag", "w_old_tag", "w_new_tag"):
                assert one.column(field)[w] == many.column(field)[writes + w]
        writes += one.write_count
    assert writes == many.write_count


@pytest.mark.parametrize("name", ["sort", "coroutines", "closing", "closure"])
def test_the_steps_before_a_tick_are_the_same_after_going_back(name: str, machine: Make) -> None:
    subject = machine(SOURCES[name])
    begin = subject.save()
    first = TraceBatch(4096, 1 << 15, 1 << 19)
    subject.run(4096, first)
    chance = random.Random(name)
    for _ in range(5):
        subject.restore(begin)
        skip = chance.randrange(1, first.step_count - 5)
        subject.run(skip)
        again = TraceBatch(4096, 1 << 15, 1 << 19)
        subject.run(4096, again)
        assert again.first_tick == skip + 1
        assert list(again.column("where")) == list(first.column("where"))[skip:]
        assert list(again.column("flags")) == list(first.column("flags"))[skip:]
        assert list(again.column("writes")) == list(first.column("writes"))[skip:]


def flags_by_tick(machine: LuaMachine) -> dict[int, StepFlag]:
    batch = TraceBatch(4096, 1 << 15, 1 << 19)
    machine.run(4096, batch)
    return {batch.first_tick + n: StepFlag(f) for n, f in enumerate(batch.column("flags"))}


def test_the_closure_example_opens_and_closes_its_upvalue_where_the_picture_shows_it(machine: Make) -> None:
    flags = flags_by_tick(machine(SOURCES["closure"]))
    assert len(flags) == 204
    assert [t for t, f in flags.items() if f & StepFlag.UPVALUE_CLOSE] == [11, 204]
    assert len([t for t, f in flags.items() if f & StepFlag.OUTPUT]) == 10
    assert [t for t, f in flags.items() if f & StepFlag.COLLECTION]
    assert [t for t, f in flags.items() if f & StepFlag.ERROR]
    assert len([t for t, f in flags.items() if f & StepFlag.COROUTINE]) == 2
    assert flags[204] & StepFlag.HALT


def test_a_step_with_more_writes_than_a_batch_can_hold_is_marked(machine: Make) -> None:
    subject = machine(
        "local t = table.pack(table.unpack({}, 1, 3000)) for i = 1, 3000 do t[i] = i end table.move(t, 1, 3000, 2)"
    )
    batch = TraceBatch()
    truncated = 0
    while True:
        batch.clear()
        stop = subject.run(1 << 20, batch)
        truncated += sum(bool(f & StepFlag.TRUNCATED) for f in batch.column("flags"))
        assert sum(batch.column("writes")) == batch.write_count <= batch.write_capacity
        if stop.is_final:
            break
    assert truncated >= 1


def test_a_full_batch_ends_the_run_before_the_next_step(machine: Make) -> None:
    subject = machine("local x = 0 for i = 1, 1000 do x = x + i end")
    batch = TraceBatch(step_capacity=100)
    stop = subject.run(1 << 20, batch)
    assert (stop.reason, stop.tick, batch.step_count) == ("budget", 100, 100)
    batch.clear()
    subject.run(1 << 20, batch)
    assert batch.first_tick == 101
