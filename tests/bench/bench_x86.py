"""x86 steps recorded with registers and memory writes, against a bare `KVM_RUN` single-step loop in C.

The program adds up words of a table, pushes and pops. Each figure is the best of three, in steps a second. Without
/dev/kvm only Unicorn is measured.
"""

import os
import time

from engine.machine import Journal, Limits
from engine.trace import TraceBatch
from engine.x86.assembler import assemble
from engine.x86.core.vcpu import kvm_device, lib
from engine.x86.machine import X86Machine
from engine.x86.program import Program

ROUNDS = 3
KVM_STEPS = 30_000
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


def creation_ms(cpu: str) -> float:
    """Median milliseconds from nothing to the first tick."""
    taken, assembly = [], assemble(SOURCE)
    for _ in range(15):
        begin = time.perf_counter()
        machine = X86Machine(Program(assembly, cpu=cpu), Journal(), Limits())
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
    cpus = ("kvm", "unicorn") if bare else ("unicorn",)
    created = ", ".join(f"{cpu} {creation_ms(cpu):.1f} ms" for cpu in cpus)
    return [*rows, f"\nFrom nothing to the first tick (median of 15): {created}."]
