"""The registers as the view shows them: general ones, flags, descriptor caches, control registers bit by bit, FPU.

Names and layouts: Intel SDM vol. 1, chapters 3, 8 and 10; vol. 3, 2.5 and 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from engine.x86.core.vcpu import ffi
from engine.x86.decoder import FPU, GENERAL_16, GENERAL_32, GENERAL_64, HIGH_8_TO_15, SYSTEM

if TYPE_CHECKING:
    from engine.x86.machine import X86Machine

_FLAG_WORDS = (
    (0, "CF", "carry"),
    (2, "PF", "parity"),
    (4, "AF", "adjust"),
    (6, "ZF", "zero"),
    (7, "SF", "sign"),
    (8, "TF", "trap"),
    (9, "IF", "interrupt"),
    (10, "DF", "direction"),
    (11, "OF", "overflow"),
)
_SEGMENTS = ("ES", "CS", "SS", "DS", "FS", "GS")
_SHOWN_SEGMENTS = (1, 3, 2, 0, 4, 5)
_CR0_BITS = {
    "PE": 0,
    "MP": 1,
    "EM": 2,
    "TS": 3,
    "ET": 4,
    "NE": 5,
    "WP": 16,
    "AM": 18,
    "NW": 29,
    "CD": 30,
    "PG": 31,
}
_EFER_BITS = {"SCE": 0, "LME": 8, "LMA": 10, "NXE": 11}
_CR4_BITS = {
    "VME": 0,
    "PVI": 1,
    "TSD": 2,
    "DE": 3,
    "PSE": 4,
    "PAE": 5,
    "MCE": 6,
    "PGE": 7,
    "OSFXSR": 9,
    "OSXMMEXCPT": 10,
}
_MXCSR_BITS = {
    **{"IE": 0, "DE": 1, "ZE": 2, "OE": 3, "UE": 4, "PE": 5, "DAZ": 6},
    **{"IM": 7, "DM": 8, "ZM": 9, "OM": 10, "UM": 11, "PM": 12, "FZ": 15},
}
_X87_CONTROL_BITS = {"IM": 0, "DM": 1, "ZM": 2, "OM": 3, "UM": 4, "PM": 5}
_X87_STATUS_BITS = {
    **{"IE": 0, "DE": 1, "ZE": 2, "OE": 3, "UE": 4, "PE": 5, "SF": 6, "ES": 7},
    **{"C0": 8, "C1": 9, "C2": 10, "C3": 14, "B": 15},
}
_ROUNDING = ("nearest", "down", "up", "zero")
_PRECISION = {0: 24, 2: 53, 3: 64}
_FPU_BYTES = 416  # of the FXSAVE image: what there is of registers
_DIGITS = Context(prec=20)


def register_names(machine: X86Machine) -> list[str]:
    """Names by number, as in traces. 32-bit names once any instruction of the program uses one of them."""
    general, ip = (GENERAL_32, "eip") if machine.rows.is_wide else (GENERAL_16, "ip")
    if machine.rows.is_long:
        general, ip = GENERAL_64, "rip"
    return [*general, *HIGH_8_TO_15, ip, *SYSTEM, *FPU]


def general(machine: X86Machine) -> list[dict[str, Any]]:
    """General registers and the instruction pointer."""
    state, is_wide = machine.vcpu.state, machine.rows.is_wide
    bits = 64 if machine.rows.is_long else 32 if is_wide else 16
    names = register_names(machine)
    shown: tuple[int, ...] = (0, 3, 1, 2, 6, 7, 5, 4)  # ax bx cx dx si di bp sp, as people list them
    if bits == 64:
        shown = (*shown, *range(8, 16))
    rows = [{"name": names[i], "bits": bits, "value": f"{int(state.gpr[i]):0{bits // 4}x}"} for i in shown]
    return [*rows, {"name": names[16], "bits": bits, "value": f"{int(state.rip):0{bits // 4}x}"}]


def segments(machine: X86Machine) -> list[dict[str, Any]]:
    """Selectors with what the CPU keeps of their descriptors."""
    rows = []
    for i in _SHOWN_SEGMENTS:
        segment = machine.vcpu.state.seg[i]
        rows.append(
            {
                "name": _SEGMENTS[i],
                "selector": f"{int(segment.selector):04x}",
                "base": f"{int(segment.base):05x}",
                "limit": f"{int(segment.limit):04x}",
                "attributes": f"{int(segment.attributes):04x}",
                **({"cache": cache(int(segment.attributes), int(segment.selector))} if machine.vcpu.bits > 0 else {}),
            }
        )
    return [*rows, *system_segments(machine)]


def system_segments(machine: X86Machine) -> list[dict[str, Any]]:
    """LDTR and TR, in protected and long mode."""
    found = [("LDTR", machine.vcpu.state.ldt), ("TR", machine.vcpu.state.tr)] if machine.vcpu.bits > 0 else []
    return [
        {
            "name": name,
            "selector": f"{int(segment.selector):04x}",
            "base": f"{int(segment.base):05x}",
            "limit": f"{int(segment.limit):04x}",
            "attributes": f"{int(segment.attributes):04x}",
        }
        for name, segment in found
        if int(segment.attributes) & 0x80
    ]


def cache(attributes: int, selector: int) -> dict[str, Any]:
    """The attributes of a descriptor cache in words (bits 40-55 of a descriptor), and the selector's parts."""
    is_code = bool(attributes & 8)
    allows = ("r" if not is_code or attributes & 2 else "") + ("w" if not is_code and attributes & 2 else "")
    return {
        "type": "null" if not attributes & 0x80 and not selector & ~3 else "code" if is_code else "data",
        "allows": allows + ("x" if is_code else ""),
        "conforming": is_code and bool(attributes & 4),
        "expands_down": not is_code and bool(attributes & 4),
        "accessed": bool(attributes & 1),
        "present": bool(attributes & 0x80),
        "dpl": attributes >> 5 & 3,
        "bits": 64 if attributes & 0x2000 and is_code else 32 if attributes & 0x4000 else 16,
        "pages": bool(attributes & 0x8000),
        "table": "LDT" if selector & 4 else "GDT",
        "index": selector >> 3,
        "rpl": selector & 3,
    }


def flags(machine: X86Machine) -> dict[str, Any]:
    """RFLAGS, bit by bit."""
    value = int(machine.vcpu.state.rflags)
    bits = [{"name": n, "word": word, "bit": bit, "set": bool(value >> bit & 1)} for bit, n, word in _FLAG_WORDS]
    return {"value": f"{value:04x}", "bits": bits}


def _fields(value: int, table: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"name": name, "bit": bit, "set": bool(value >> bit & 1)} for name, bit in table.items()]


def control(machine: X86Machine) -> list[dict[str, Any]]:
    """Control registers: `bits` names those that are set, `fields` has all."""
    state = machine.vcpu.state
    rows = []
    shown: list[tuple[str, int, dict[str, int]]] = [("CR0", int(state.cr0), _CR0_BITS)]
    if int(state.cr0) & 1:
        shown += [("CR2", int(state.cr2), {}), ("CR3", int(state.cr3), {})]
    shown.append(("CR4", int(state.cr4), _CR4_BITS))
    if int(state.efer) or machine.rows.is_long:
        shown.append(("EFER", int(state.efer), _EFER_BITS))
    msrs = {"STAR": state.star, "LSTAR": state.lstar, "FMASK": state.fmask, "KERNEL_GS_BASE": state.kernel_gs}
    shown += [(name, int(value), {}) for name, value in msrs.items() if int(value)]
    for name, value, table in shown:
        set_bits = [n for n, bit in table.items() if value >> bit & 1]
        rows.append({"name": name, "value": f"{value:08x}", "bits": set_bits, "fields": _fields(value, table)})
    return rows


def extended_text(mantissa: int, sign_and_exponent: int) -> str:
    """A value of the 80-bit format in decimal (SDM vol. 1, 4.2.2)."""
    sign, exponent = "-" if sign_and_exponent >> 15 else "", sign_and_exponent & 0x7FFF
    if exponent == 0x7FFF:
        return f"{sign}inf" if mantissa << 1 & (1 << 64) - 1 == 0 else "nan"
    if not mantissa:
        return f"{sign}0"
    scale = max(exponent, 1) - 16383 - 63
    exact = Decimal(mantissa) * Decimal(2) ** scale if scale >= 0 else Decimal(mantissa) / Decimal(2) ** -scale
    text = (
        f"{_DIGITS.create_decimal(exact).normalize():f}" if -200 <= scale <= 0 else str(_DIGITS.create_decimal(exact))
    )
    return sign + text


def fpu(machine: X86Machine) -> dict[str, Any] | None:
    """x87, MMX and SSE registers; None while nothing of the program has to do with them."""
    machine.vcpu.pull()
    image = bytes(ffi.buffer(machine.vcpu.state.fpu))
    fresh = machine.fpu_at_reset
    if image[:_FPU_BYTES] == fresh[:_FPU_BYTES] and not machine.rows.source_uses_fpu:
        return None
    control_word, status = (int.from_bytes(image[at : at + 2], "little") for at in (0, 2))
    mxcsr = int.from_bytes(image[24:28], "little")
    top = status >> 11 & 7
    stack = []
    for i in range(8):
        at, number = 32 + 16 * i, i + top & 7
        value = image[at : at + 10]
        stack.append(
            {
                "name": f"st{i}",
                "physical": number,
                "value": value[::-1].hex(),
                "used": bool(image[4] >> number & 1),
                "text": extended_text(int.from_bytes(value[:8], "little"), int.from_bytes(value[8:], "little")),
            }
        )
    count = 16 if machine.rows.is_long or any(image[288:416]) else 8
    return {
        "control": {
            "value": f"{control_word:04x}",
            "fields": _fields(control_word, _X87_CONTROL_BITS),
            "precision": _PRECISION.get(control_word >> 8 & 3),
            "rounding": _ROUNDING[control_word >> 10 & 3],
        },
        "status": {"value": f"{status:04x}", "fields": _fields(status, _X87_STATUS_BITS), "top": top},
        "tags": f"{image[4]:02x}",
        "mxcsr": {
            "value": f"{mxcsr:08x}",
            "fields": _fields(mxcsr, _MXCSR_BITS),
            "rounding": _ROUNDING[mxcsr >> 13 & 3],
        },
        "st": stack,
        "xmm": [{"name": f"xmm{i}", "value": image[160 + 16 * i : 176 + 16 * i][::-1].hex()} for i in range(count)],
        **_ymm(machine, image),
    }


def _ymm(machine: X86Machine, image: bytes) -> dict[str, Any]:
    """`ymm`: all 256 bits of the AVX registers, of a program that uses them."""
    upper = bytes(ffi.buffer(machine.vcpu.state.ymm))
    if not any(upper) and not machine.rows.source_uses_avx:
        return {}
    rows = [
        {
            "name": f"ymm{i}",
            "value": (upper[16 * i : 16 * i + 16][::-1] + image[160 + 16 * i : 176 + 16 * i][::-1]).hex(),
        }
        for i in range(16)
    ]
    return {"ymm": rows}
