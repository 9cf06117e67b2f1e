"""x86 steps recorded with registers and memory writes, against a bare `KVM_RUN` single-step loop in C, ptrace and gdb.

The program adds up words of a table, pushes and pops. Each figure is the best of three, in steps a second. ptrace is
PTRACE_SINGLESTEP and PTRACE_GETREGS in C, on one CPU; gdb is `stepi` and `info registers`; both step a native loop.
Without /dev/kvm only Unicorn is measured; without gdb or ptrace their rows are missing.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from engine.machine import Journal, Limits
from engine.rooms import SourceFile
from engine.trace import TraceBatch
from engine.x86 import room
from engine.x86.assembler import assemble
from engine.x86.core.vcpu import kvm_device, lib
from engine.x86.machine import X86Machine
from engine.x86.program import Program

#: A program for each mode; only its first tick is waited for.
FIRST = {
    "real16": "nop\nhlt",
    "boot16": "org 0x7c00\nnop\nhlt\ntimes 510 - ($ - $$) db 0\ndw 0xaa55",
    "protected32": "org 0x1000\nnop\nhlt",
    "long64": "org 0x1000\nnop\nhlt",
    "user64": "global _start\n_start: nop\nmov eax, 60\nsyscall",
}
RING_3 = """
        global _start
        section .bss
sum:    resq 1
        section .text
_start: mov rax, [sum]
        add rax, rcx
        mov [sum], rax
        inc rcx
        push rcx
        pop rdx
        jmp _start
"""
RING_3_STEPS = {"kvm": 6_000, "unicorn": 200_000}
ROUNDS = 3
KVM_STEPS = 30_000
PTRACE_STEPS, GDB_STEPS = 20_000, 1_000
UNICORN_STEPS = 3_000_000
SOURCE = """
        mov sp, 0x7000
again:  mov si, 0x2000
        mov cx, 64
.next:  mov ax, [si]
        add bx, ax
        adc dx, 0
        mov [si + 0x100], bx
        push ax
        pop di
        add si, 2
        loop .next
        jmp again
"""


def steps_per_second(cpu: str, steps: int, *, recorded: bool = True) -> float:
    """Steps a second of a machine, its batches emptied as a session empties them."""
    best, assembly = 0.0, assemble(SOURCE)
    for _ in range(ROUNDS):
        machine = X86Machine(Program(assembly, cpu=cpu), Journal(), Limits())
        batch = TraceBatch(step_capacity=4096, write_capacity=16384)
        try:
            machine.run(1000)
            begin = time.perf_counter()
            while machine.tick < 1000 + steps:
                batch.clear()
                machine.run(1000 + steps - machine.tick, batch if recorded else None)
            best = max(best, steps / (time.perf_counter() - begin))
        finally:
            machine.close()
    return best


def reference_steps() -> list[tuple[str, float]]:
    """(what, steps a second) of ptrace and of gdb, as far as this host has them."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "ptrace_steps"
        source = Path(__file__).with_name("ptrace_steps.c")
        subprocess.run(["gcc", "-O2", "-o", str(program), str(source)], check=True, timeout=120)
        runs = [subprocess.run([program, str(PTRACE_STEPS)], capture_output=True, text=True, timeout=120, check=False)]
        runs += [subprocess.run(runs[0].args, capture_output=True, text=True, timeout=120, check=False) for _ in "12"]
        times = [float(run.stdout) for run in runs if run.returncode == 0]
        if times:
            found.append(("ptrace, single step and registers", PTRACE_STEPS / min(times)))
        gdb = shutil.which("gdb")
        if gdb:
            found.append(("gdb, `stepi` and `info registers`", max(_gdb_steps(gdb, program) for _ in range(ROUNDS))))
    return found


def _gdb_steps(gdb: str, program: Path) -> float:
    """Steps a second: the difference between a long and a short run, so that starting gdb does not count."""

    def seconds(steps: int) -> float:
        script = program.with_suffix(".gdb")
        script.write_text(
            "set pagination off\nset confirm off\nstarti loop\nset $n = 0\n"
            f"while $n < {steps}\nstepi\ninfo registers\nset $n = $n + 1\nend\nkill\nquit\n"
        )
        begin = time.perf_counter()
        command = [gdb, "-nx", "-batch", "-x", str(script), str(program)]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=120)
        return time.perf_counter() - begin

    return GDB_STEPS / max(seconds(GDB_STEPS + 50) - seconds(50), 1e-9)


def _program(text: str, mode: str, cpu: str) -> Program:
    return room.build([SourceFile("main.asm", text)], {"mode": mode, "cpu": cpu})


def ring_3_steps_per_second(cpu: str) -> float:
    """Recorded steps a second in mode user64."""
    best, program, steps = 0.0, _program(RING_3, "user64", cpu), RING_3_STEPS[cpu]
    for _ in range(ROUNDS):
        machine, batch = room.start(program, Journal(), Limits()), TraceBatch(step_capacity=4096, write_capacity=16384)
        try:
            machine.run(100)
            begin = time.perf_counter()
            while machine.tick < 100 + steps:
                batch.clear()
                machine.run(100 + steps - machine.tick, batch)
            best = max(best, steps / (time.perf_counter() - begin))
        finally:
            machine.close()
    return best


def creation_ms(cpu: str, mode: str) -> float:
    """Median milliseconds from an assembled program to the first tick."""
    taken, program = [], _program(FIRST[mode], mode, cpu)
    for _ in range(31):
        begin = time.perf_counter()
        machine = room.start(program, Journal(), Limits())
        machine.run(1)
        taken.append((time.perf_counter() - begin) * 1e3)
        machine.close()
    return sorted(taken)[len(taken) // 2]


def main() -> list[str]:
    rows = ["| what | steps/s | against the bare loop |", "|---|---|---|"]
    bare = 0.0
    if os.access(kvm_device(), os.R_OK | os.W_OK):
        times = [lib.x86_kvm_bare_steps(kvm_device().encode(), KVM_STEPS) for _ in range(ROUNDS)]
        bare = KVM_STEPS / min(t for t in times if t > 0)
        kvm = steps_per_second("kvm", KVM_STEPS)
        rows.append(f"| bare KVM_RUN loop in C | {bare:,.0f} | 1.00 |")
        rows.append(f"| KVM, recorded | {kvm:,.0f} | {kvm / bare:.2f} |")
    for name, recorded in (("recorded", True), ("not recorded", False)):
        unicorn = steps_per_second("unicorn", UNICORN_STEPS, recorded=recorded)
        rows.append(f"| Unicorn, {name} | {unicorn:,.0f} | {f'{unicorn / bare:.1f}' if bare else ''} |")
    for name, rate in reference_steps():
        rows.append(f"| {name} | {rate:,.0f} | {f'{rate / bare:.3f}' if bare else ''} |")
    cpus = ("kvm", "unicorn") if bare else ("unicorn",)
    for cpu in cpus:
        steps = ring_3_steps_per_second(cpu)
        rows.append(f"| {cpu}, ring 3, recorded | {steps:,.0f} | {f'{steps / bare:.2f}' if bare else ''} |")
    rows += ["", "Milliseconds to the first tick (median of 31):", "", "| mode | " + " | ".join(cpus) + " |"]
    rows.append("|---|" + "---|" * len(cpus))
    for mode in FIRST:
        rows.append(f"| {mode} | " + " | ".join(f"{creation_ms(cpu, mode):.1f}" for cpu in cpus) + " |")
    return rows
