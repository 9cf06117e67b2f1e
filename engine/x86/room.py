"""The x86 row of engine/rooms.py: build, start, notice, and the command line."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.debugview import DebugView
from engine.errors import CommandError
from engine.machine import Journal, Limits
from engine.rooms import SourceFile
from engine.x86 import gas
from engine.x86.assembler import Assembly, assemble, delegate, outside, parse_hex
from engine.x86.assembler_sandbox import enter_tool_walls, landlock_version
from engine.x86.core.vcpu import keep_kvm_open
from engine.x86.devices.cmos import CHANNEL as CLOCK_CHANNEL
from engine.x86.elf import load_elf
from engine.x86.firmware.boot_sector import as_boot_sector, as_disk
from engine.x86.layout import refuse_overlap
from engine.x86.link import bare_executable, link_source, listed
from engine.x86.machine import X86Machine
from engine.x86.program import BITS, CPUS, MODES, ORIGINS, SYNTAXES, Program

#: A program's second file in mode user64.
ARGUMENTS_FILE = "args"

__all__ = ["build", "cli", "debug_view", "delegate", "enter_tool_walls", "notice", "outside", "prepare", "start"]


def prepare() -> list[int]:
    """What must be open before a worker is confined: the KVM device, where this host has one."""
    landlock_version()  # which is remembered: it is the same for all workers
    return keep_kvm_open()


def _choice(options: Mapping[str, Any], name: str, values: Sequence[str]) -> str:
    value = options.get(name) or values[0]
    if value not in values:
        raise CommandError(f"there is no {name} {str(value)[:40]!r}", hint="one of " + ", ".join(values))
    return str(value)


def build(files: Sequence[SourceFile], options: Mapping[str, Any]) -> Program:
    """Assemble the first file (or read it as hex bytes). SourceError with every error found."""
    mode, cpu = _choice(options, "mode", MODES), _choice(options, "cpu", CPUS)
    if mode == "user64":
        return _build_for_linux(files, options, cpu)
    if len(files) != 1 or (files[0].data and mode != "boot16"):
        hint = "an executable runs in mode user64, a disk's image in mode boot16"
        raise CommandError("an x86 program is one file of text", hint=hint)
    if files[0].data:
        return Program(as_disk(files[0].data, files[0].name), mode, cpu)
    assembly = _assembled(files[0], _choice(options, "syntax", SYNTAXES), mode)
    refuse_overlap(assembly, mode)
    return Program(as_boot_sector(assembly) if mode == "boot16" else assembly, mode, cpu)


def _build_for_linux(files: Sequence[SourceFile], options: Mapping[str, Any], cpu: str) -> Program:
    """Mode user64: an ELF file, source that is linked, or bytes; and a file `args` with one argument a line."""
    main, arguments = files[0], tuple[str, ...]()
    if len(files) == 2 and files[1].name == ARGUMENTS_FILE:
        arguments = tuple(line for line in files[1].text.split("\n") if line)
    elif len(files) != 1:
        raise CommandError(
            f"a program of mode user64 is one file, and one called `{ARGUMENTS_FILE}` with its arguments"
        )
    syntax = _choice(options, "syntax", SYNTAXES)
    if main.data:
        executable = load_elf(main.data, main.name)
        assembly = listed(executable, main.name)
    elif syntax == "hex":
        assembly, executable = bare_executable(parse_hex(main.text, main.name, BITS["user64"]))
    else:
        assembly, executable = link_source(main.text, main.name, syntax)
    return Program(assembly, "user64", cpu, executable, arguments)


def _assembled(source: SourceFile, syntax: str, mode: str) -> Assembly:
    if syntax in (gas.ATT, gas.INTEL):
        return gas.assemble(source.text, source.name, syntax, BITS[mode], ORIGINS[mode])
    front_end = {"nasm": assemble, "hex": parse_hex}[syntax]
    return front_end(source.text, source.name, BITS[mode])


def start(program: Program, journal: Journal, limits: Limits) -> X86Machine:
    """A machine at tick 0. HostUnavailable when the CPU that was asked for is not there."""
    journal.source = _with_clock(journal.source)
    return X86Machine(program, journal, limits)


def _with_clock(inner: Callable[[str], bytes | None] | None) -> Callable[[str], bytes | None]:
    """What answers the journal's channel `clock`: the seconds since 1970, asked once and recorded."""

    def answer(channel: str) -> bytes | None:
        if channel == CLOCK_CHANNEL:
            return str(int(time.time())).encode()
        return inner(channel) if inner else None

    return answer


#: Families of instructions, for the picture of a run.
FAMILIES = ("move", "arithmetic", "logic", "compare", "stack", "jump", "call", "string", "system", "vector", "other")
_FAMILY_WORDS = {
    "move": "mov movzx movsx movsxd movabs lea xchg bswap cbw cwde cdqe cwd cdq cqo lds les lfs lgs lss xlat xlatb",
    "arithmetic": "add adc sub sbb inc dec neg mul imul div idiv aaa aad aam aas daa das xadd",
    "logic": "and or xor not shl sal shr sar rol ror rcl rcr shld shrd bt bts btr btc bsf bsr popcnt lzcnt tzcnt",
    "compare": "cmp test cmpxchg cmpxchg8b cmpxchg16b clc stc cmc cld std",
    "stack": "push pop pusha pushad popa popad pushf pushfd pushfq popf popfd popfq enter leave",
    "jump": "jmp loop loope loopne loopz loopnz jcxz jecxz jrcxz",
    "call": "call ret retf int int3 into int1 iret iretd iretq syscall sysret sysenter sysexit",
    "string": "movsb movsw movsd movsq stosb stosw stosd stosq lodsb lodsw lodsd lodsq cmpsb cmpsw cmpsd cmpsq "
    "scasb scasw scasd scasq insb insw insd outsb outsw outsd",
    "system": "in out hlt cli sti lgdt lidt lldt ltr sgdt sidt sldt str lmsw smsw rdmsr wrmsr rdtsc rdtscp cpuid "
    "invlpg swapgs clts wbinvd invd pause nop",
}
_FAMILY_OF = {word: FAMILIES.index(name) for name, words in _FAMILY_WORDS.items() for word in words.split()}


def family_of(op: str) -> int:
    """The number of an instruction's family in FAMILIES, by its mnemonic."""
    word = op.lower().split()[-1] if op else ""
    known = _FAMILY_OF.get(word)
    if known is not None:
        return known
    for starts, name in (("j", "jump"), ("set", "compare"), ("cmov", "move"), (("v", "p", "f", "xmm"), "vector")):
        if word.startswith(starts):
            return FAMILIES.index(name)
    return FAMILIES.index("vector" if word.endswith(("ss", "sd", "ps", "pd")) else "other")


def notice(machine: X86Machine) -> dict[str, Any] | None:
    """Which CPU runs, when it is not the one that was asked for first; a key of the page's catalogue."""
    if machine.fallback:
        return {"key": "x86_switched", "args": {"reason": machine.fallback.reason, "n": machine.fallback.tick}}
    if machine.avoided_kvm:
        return {"key": "x86_avoided", "args": {"reason": machine.avoided_kvm}}
    if machine.missing_kvm:
        return {"key": "x86_no_kvm", "args": {"reason": machine.missing_kvm}}
    return None


def debug_view(machine: X86Machine) -> DebugView:
    """What debuggers show of the machine."""
    from engine.x86.debug import X86DebugView

    return X86DebugView(machine)


def cli(arguments: Sequence[str]) -> int:
    """`python -m engine x86 …`; docs/cli.md."""
    from engine.x86.cli import main

    return main(arguments)
