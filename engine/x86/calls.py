"""The calls that running a guest takes, as the visitor may watch them: `ioctl`s of the KVM API, or Unicorn's functions.

They are this process's doings, not the machine's state: whoever goes back in time makes new ones. Names, order and
arguments are those of the kernel's virt/kvm/api.rst and of unicorn.h.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.x86.core.vcpu import lib

if TYPE_CHECKING:
    from engine.x86.machine import X86Machine


@dataclass(frozen=True)
class _Form:
    """How a call is written: on what, which request or function, and the names of the arguments that are kept."""

    on: str
    name: str
    arguments: tuple[str, ...] = ()


_REGISTERS = ("rip", "rflags", "rax", "rcx", "rdx", "rsp")
_SYSTEM = ("cr0", "cr3", "cr4", "efer", "cs", "cs_base")
_FORMS: dict[int, _Form] = {
    lib.CALL_OPEN: _Form("", "open"),
    lib.CALL_API_VERSION: _Form("kvm", "KVM_GET_API_VERSION"),
    lib.CALL_CHECK_EXTENSION: _Form("kvm", "KVM_CHECK_EXTENSION", ("extension",)),
    lib.CALL_CREATE_VM: _Form("kvm", "KVM_CREATE_VM"),
    lib.CALL_SET_TSS_ADDR: _Form("vm", "KVM_SET_TSS_ADDR", ("address",)),
    lib.CALL_ENABLE_CAP: _Form("vm", "KVM_ENABLE_CAP", ("cap", "args0")),
    lib.CALL_MEMORY_REGION: _Form(
        "vm", "KVM_SET_USER_MEMORY_REGION", ("slot", "flags", "guest_phys_addr", "memory_size")
    ),
    lib.CALL_CREATE_VCPU: _Form("vm", "KVM_CREATE_VCPU"),
    lib.CALL_SUPPORTED_CPUID: _Form("kvm", "KVM_GET_SUPPORTED_CPUID", ("nent",)),
    lib.CALL_SET_CPUID: _Form("vcpu", "KVM_SET_CPUID2", ("nent",)),
    lib.CALL_MMAP_SIZE: _Form("kvm", "KVM_GET_VCPU_MMAP_SIZE"),
    lib.CALL_MMAP: _Form("vcpu", "mmap", ("length",)),
    lib.CALL_GET_SREGS: _Form("vcpu", "KVM_GET_SREGS"),
    lib.CALL_SET_SREGS: _Form("vcpu", "KVM_SET_SREGS", _SYSTEM),
    lib.CALL_SET_REGS: _Form("vcpu", "KVM_SET_REGS", _REGISTERS),
    lib.CALL_GET_XSAVE: _Form("vcpu", "KVM_GET_XSAVE"),
    lib.CALL_SET_XSAVE: _Form("vcpu", "KVM_SET_XSAVE"),
    lib.CALL_GUEST_DEBUG: _Form("vcpu", "KVM_SET_GUEST_DEBUG", ("control",)),
    lib.CALL_GET_EVENTS: _Form("vcpu", "KVM_GET_VCPU_EVENTS"),
    lib.CALL_SET_EVENTS: _Form("vcpu", "KVM_SET_VCPU_EVENTS"),
    lib.CALL_RUN: _Form("vcpu", "KVM_RUN"),
    lib.CALL_UC_OPEN: _Form("uc", "uc_open", ("arch", "mode")),
    lib.CALL_UC_CONTROL: _Form("uc", "uc_ctl", ("what", "value")),
    lib.CALL_UC_MAP: _Form("uc", "uc_mem_map_ptr", ("address", "size", "perms")),
    lib.CALL_UC_MMIO: _Form("uc", "uc_mmio_map", ("address", "size")),
    lib.CALL_UC_HOOK: _Form("uc", "uc_hook_add", ("type", "instruction")),
    lib.CALL_UC_CONTEXT_SAVE: _Form("uc", "uc_context_save"),
    lib.CALL_UC_CONTEXT_RESTORE: _Form("uc", "uc_context_restore"),
    lib.CALL_UC_REGISTERS: _Form("uc", "uc_reg_write (registers)", _REGISTERS),
    lib.CALL_UC_SEGMENTS: _Form("uc", "uc_reg_write (segments, CR0-CR4)", _SYSTEM),
    lib.CALL_UC_FPU: _Form("uc", "uc_reg_write (x87, XMM)"),
    lib.CALL_UC_FLUSH: _Form("uc", "uc_ctl (flush translated code, TLB)"),
    lib.CALL_UC_START: _Form("uc", "uc_emu_start", ("begin", "until")),
}
#: linux/kvm.h: KVM_EXIT_x, and the fields of kvm_run's union that are kept. Before each: what `immediate_exit` was.
_EXITS: dict[int, tuple[str, tuple[str, ...]]] = {
    0: ("KVM_EXIT_UNKNOWN", ("hardware_exit_reason",)),
    1: ("KVM_EXIT_EXCEPTION", ()),
    2: ("KVM_EXIT_IO", ("direction", "size", "port", "count", "data")),
    3: ("KVM_EXIT_HYPERCALL", ()),
    4: ("KVM_EXIT_DEBUG", ("exception", "pc", "dr6", "dr7")),
    5: ("KVM_EXIT_HLT", ()),
    6: ("KVM_EXIT_MMIO", ("phys_addr", "len", "is_write", "data")),
    7: ("KVM_EXIT_IRQ_WINDOW_OPEN", ()),
    8: ("KVM_EXIT_SHUTDOWN", ()),
    9: ("KVM_EXIT_FAIL_ENTRY", ("hardware_entry_failure_reason",)),
    10: ("KVM_EXIT_INTR", ()),
    17: ("KVM_EXIT_INTERNAL_ERROR", ("suberror", "ndata")),
}
_CONTROL = {0: "0", 1: "KVM_GUESTDBG_ENABLE", 3: "KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP"}
_EXTENSIONS = {74: "KVM_CAP_SYNC_REGS", 136: "KVM_CAP_IMMEDIATE_EXIT", 23: "KVM_CAP_SET_GUEST_DEBUG"}
_EXTENSIONS[204] = "KVM_CAP_EXIT_ON_EMULATION_FAILURE"
_WIDTHS = {2: "UC_MODE_16", 4: "UC_MODE_32", 8: "UC_MODE_64"}
_HOOKS = {
    1: "UC_HOOK_INTR",
    2: "UC_HOOK_INSN",
    4: "UC_HOOK_CODE",
    1 << 11: "UC_HOOK_MEM_WRITE",
    1 << 14: "UC_HOOK_INSN_INVALID",
}
_INSTRUCTIONS = {218: "UC_X86_INS_IN", 500: "UC_X86_INS_OUT"}


def _named(name: str, value: int) -> int | str:
    tables: dict[str, dict[int, str]] = {"control": _CONTROL, "extension": _EXTENSIONS, "cap": _EXTENSIONS}
    tables |= {"mode": _WIDTHS, "type": _HOOKS, "instruction": _INSTRUCTIONS}
    return tables.get(name, {}).get(value, value)


def _exit(call: Any) -> dict[str, Any]:  # noqa: ANN401 - cffi data
    name, fields = _EXITS.get(int(call.reason), (f"KVM_EXIT_{int(call.reason)}", ()))
    found: dict[str, Any] = {"reason": name}
    for i, field in enumerate(fields):
        value = int(call.arguments[i + 1])
        found[field] = ("out" if value else "in") if field == "direction" else value
    return found


def _describe(call: Any, number: int) -> dict[str, Any]:  # noqa: ANN401 - cffi data
    form, result = _FORMS[int(call.what)], int(call.result)
    arguments = {name: _named(name, int(call.arguments[i])) for i, name in enumerate(form.arguments)}
    found = {"n": number, "tick": int(call.tick), "on": form.on, "name": form.name, "arguments": arguments}
    found["result"] = result
    if form.name == "KVM_RUN":
        arguments["immediate_exit"] = int(call.arguments[0])
        if result < 0:
            found["error"] = os.strerror(-result)
        else:
            found["exit"] = _exit(call)
    if form.name == "uc_emu_start":
        found["ended"] = _ended(call)
    return found


def _ended(call: Any) -> dict[str, Any]:  # noqa: ANN401 - cffi data
    """Which steps one `uc_emu_start` did, and what Unicorn's hooks said at its end."""
    begun, vector = int(call.arguments[2]), int(call.arguments[3])
    ended: dict[str, Any] = {"from": begun, "steps": int(call.tick) - begun, "single": bool(call.reason)}
    if vector:
        ended["vector"] = vector - 1
    return ended


def calls(machine: X86Machine, when: str, offset: int, limit: int) -> dict[str, Any]:
    """`{"count", "offset", "calls"}`: made at `setup`, or at `run` (of these the last 256 are known)."""
    raw = machine.vcpu.raw
    if when == "setup":
        count, first, kept = int(raw.setup_count), 0, raw.setup_calls
    else:
        count, kept = int(raw.call_count), raw.calls
        first = max(0, count - lib.MAX_CALLS)
    start = max(offset, first)
    numbers = range(start, min(count, start + limit))
    found = [_describe(kept[n if when == "setup" else n % lib.MAX_CALLS], n) for n in numbers]
    return {"cpu": machine.cpu, "when": when, "count": count, "first": first, "offset": start, "calls": found}
