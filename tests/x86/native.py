"""Programs on the host's own processor, in ring 3 under ptrace (native_steps.c, built on first use)."""

import platform
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("native_steps.c")
_RECORD = struct.Struct("<18Q16s512sQ")


@dataclass(frozen=True)
class NativeStep:
    """The registers after one step. `fpu` is FXSAVE's image; `checksum` is FNV-1a of the program's image."""

    general: tuple[int, ...]
    rip: int
    flags: int
    code: bytes
    fpu: bytes
    checksum: int


def why_not() -> str | None:
    """Why nothing can be run natively here; None when it can."""
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        return "this host is no x86-64 Linux"
    if shutil.which("gcc") is None:
        return "there is no gcc"
    try:
        steps = native_steps(0x20000, b"\x90\xf4", 1)
    except (OSError, subprocess.SubprocessError) as error:
        return f"ptrace does not work here: {error}"
    return None if len(steps) == 1 else "ptrace does not step here"


@cache
def _program() -> str:
    folder = Path(tempfile.mkdtemp(prefix="glassbox-native-"))
    target = folder / "native_steps"
    command = ["gcc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(target), str(SOURCE)]
    subprocess.run(command, check=True, timeout=120)
    return str(target)


def native_steps(origin: int, image: bytes, steps: int, stack: int = 0) -> list[NativeStep]:
    """Up to `steps` instructions from the image's first byte on; fewer when one raises a signal."""
    command = [_program(), hex(origin), str(len(image)), str(steps), hex(stack)]
    done = subprocess.run(command, input=image, capture_output=True, check=True, timeout=120)
    return [NativeStep(r[:16], r[16], r[17], r[18], r[19], r[20]) for r in _RECORD.iter_unpack(done.stdout)]


def checksum(data: bytes) -> int:
    """FNV-1a with 64 bits, as native_steps.c has it."""
    total = 0xCBF29CE484222325
    for byte in data:
        total = (total ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return total
