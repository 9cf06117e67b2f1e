"""The same program gives the same trace on KVM and on Unicorn: hand-written ones and a couple of hundred random ones.

Documented exceptions: flags that an instruction leaves undefined (masked until the next one defines them), and what
x86_programs.py leaves out.
"""

from pathlib import Path

import pytest
from x86_programs import Generator
from x86_runs import FlagMask, Run, Step, needs_kvm, record, start

pytestmark = needs_kvm
PROGRAMS = 240
FOLDER = Path(__file__).resolve().parents[2] / "examples" / "x86"
#: Those of other modes have tests of their own.
EXAMPLES = [path for path in sorted(FOLDER.glob("*.asm")) if "option.mode" not in path.read_text(encoding="utf-8")]


def without_flags(step: Step) -> tuple:
    writes = tuple(w for w in step.writes if w[0] != "flags")
    return (step.tick, step.address, step.data, step.flags, step.depth, writes)


def assert_same(a: Run, b: Run) -> None:
    flags_a = flags_b = 2
    mask = FlagMask(16)
    for one, other in zip(a.steps, b.steps, strict=False):
        assert without_flags(one) == without_flags(other), one.text
        flags_a = flags_a if one.new("flags") is None else one.new("flags")
        flags_b = flags_b if other.new("flags") is None else other.new("flags")
        defined = mask.after(one.data)
        assert flags_a & defined == flags_b & defined, (one.tick, one.text, hex(flags_a), hex(flags_b))
    assert len(a.steps) == len(b.steps)
    assert a.stop == b.stop
    assert [e for e in a.events if e.kind != "program_grew"] == [e for e in b.events if e.kind != "program_grew"]


def compare(source: str) -> Run:
    runs = []
    for cpu in ("kvm", "unicorn"):
        machine = start(source, cpu, audit=cpu == "unicorn")
        try:
            run = record(machine)
            runs.append((run, machine.digest(), machine.vcpu.raw.audit_failures))
        finally:
            machine.close()
    (a, digest_a, _), (b, digest_b, failures) = runs
    assert_same(a, b)
    assert digest_a == digest_b
    assert failures == 0, f"a write to {runs[1][0].machine} was not foreseen by the decoder"
    return a


@pytest.mark.parametrize("group", range(12))
def test_random_programs_give_the_same_trace(group: int) -> None:
    for seed in range(group, PROGRAMS, 12):
        source = Generator(seed).program()
        try:
            run = compare(source)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        assert run.stop.is_final, f"seed {seed}"
        assert run.stop.reason == "halt", f"seed {seed}: {run.stop}"
        assert len(run.steps) > 30


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_the_examples_give_the_same_trace(path: Path) -> None:
    compare(path.read_text(encoding="utf-8"))
