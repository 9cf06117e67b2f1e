"""NASM source or hex bytes to a program image with its address -> line map and its labels.

`nasm` runs once per call (and again after an error, to find the next ones) in a process of its own: empty
environment, scratch folder, limits, and no other files (assembler_sandbox.py). What reads files or the environment is
refused in the source first, so that the visitor gets a clear sentence with its place.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.errors import Diagnostic, HostUnavailable, SourceError, Span
from engine.x86.assembler_sandbox import Confinement, landlock_version

MAX_IMAGE_BYTES = 64 << 10
MAX_ERRORS = 20
RUN_SECONDS = 6.0
CPU_SECONDS = 2
ADDRESS_SPACE_BYTES = 256 << 20
MAX_FILE_BYTES = 8 << 20
ADDRESS_LIMIT = 1 << 20

_REFUSED = (
    (re.compile(r"\bincbin\b", re.I), "`incbin` reads a file; programs here have only their own text"),
    (re.compile(r"%\s*include\b", re.I), "`%include` reads a file; programs here have only their own text"),
    (re.compile(r"%\s*pathsearch\b", re.I), "`%pathsearch` looks for files; programs here have only their own text"),
    (re.compile(r"%\s*depend\b", re.I), "`%depend` names a file; programs here have only their own text"),
    (re.compile(r"%\s*use\b", re.I), "`%use` loads a macro package; it is switched off here"),
    (re.compile(r"%\s*line\b", re.I), "`%line` changes line numbers; it is switched off here"),
    (re.compile(r"%\s*pragma\b", re.I), "`%pragma` is switched off here"),
    (re.compile(r"%\{?\s*!"), "`%!` reads the server's environment; it is switched off here"),
    (re.compile(r"^\s*\[?\s*map\b", re.I), "the `map` directive writes a file; it is switched off here"),
)
_DATA = re.compile(
    r"^(?:[\w.$?@#~]+\s*:)?\s*(?:[\w.$?@#~]+\s+)?(?:times\s+.+?\s)?\s*(?:d[bwdqtoyz]|res[bwdqtoyz])\b", re.I
)
_POSITION = re.compile(r"^ *(\d+) ([0-9A-F]{8}|        ) ")
_ERROR = re.compile(r"^main\.asm:(\d+): (?:error|fatal|panic): (.*)$")
_BITS = re.compile(r"^\s*\[?\s*(?:bits\s+(16|32|64)|use(16|32|64))\b", re.I)
_SECTION = re.compile(r"^\s*\[?\s*(?:section|segment)\s+(\S+?)\]?(?:\s|$)", re.I)


@dataclass(frozen=True)
class SourceRow:
    """Bytes that one source line put at `address`; no line where there is no source."""

    address: int
    length: int
    line: int | None
    is_data: bool
    bits: int = 16


@dataclass(frozen=True)
class Assembly:
    """A program: its image, where it is loaded (and where it begins), and what the source says about it.

    `is_file`: an executable without source.
    """

    image: bytes
    origin: int
    rows: tuple[SourceRow, ...]
    labels: tuple[tuple[str, int], ...]
    file: str
    is_file: bool = False

    def line_at(self, address: int) -> int | None:
        """The source line that put a byte at `address`."""
        for row in self.rows:
            if row.address <= address < row.address + row.length:
                return row.line
        return None


def strip_comment(line: str) -> str:
    """The line without its comment; NASM's three kinds of quotes are respected."""
    quote = ""
    for at, char in enumerate(line):
        if quote:
            if char == quote:
                quote = ""
        elif char in "'\"`":
            quote = char
        elif char == ";":
            return line[:at]
    return line


def _without_strings(line: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"]*\"|`(?:\\.|[^`\\])*`", lambda m: " " * len(m[0]), line)


def _span(line: str, number: int, message: str) -> Span:
    """The word that the message quotes, if it stands in the line; else the line's code."""
    code = strip_comment(line)
    quoted = re.search(r"[`']([^`']+)'", message)
    if quoted and (found := re.search(re.escape(quoted[1]), code)):
        return Span(number, found.start() + 1, number, found.end() + 1)
    start = len(code) - len(code.lstrip())
    return Span(number, start + 1, number, max(len(code.rstrip()), start + 1) + 1)


def _refusals(text: str, file: str) -> list[Diagnostic]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        code = _without_strings(strip_comment(line))
        for pattern, message in _REFUSED:
            match = pattern.search(code)
            if match:
                span = Span(number, match.start() + 1, number, match.end() + 1)
                found.append(Diagnostic(message, file, span))
                break
    return found


@dataclass(frozen=True)
class AssemblerRun:
    """What one process of an assembler left behind."""

    status: int
    stderr: str
    image: bytes
    listing: str
    map: str


#: Where assemblers run: None in this process's own children, else a function that has `outside` called elsewhere.
_ask: ContextVar[Callable[[bytes], bytes] | None] = ContextVar("assembler", default=None)


def delegate(ask: Callable[[bytes], bytes]) -> None:
    """Run no assembler from this process any more: `ask` brings a request to another process's `outside`."""
    landlock_version()  # which is remembered: later this process may not ask the kernel
    _ask.set(ask)


def outside(request: bytes) -> bytes:
    """Run an assembler as a process that may not do so itself asked for it (`_asked_run` made the request)."""
    wanted = json.loads(request)
    done = run_tool(str(wanted["text"]), str(wanted["tool"]), str(wanted["script"]))
    return json.dumps({**asdict(done), "image": base64.b64encode(done.image).decode()}).encode()


def _asked_run(ask: Callable[[bytes], bytes], text: str, tool: str, script: str) -> AssemblerRun:
    answer = json.loads(ask(json.dumps({"text": text, "tool": tool, "script": script}).encode()))
    return AssemblerRun(**{**answer, "image": base64.b64decode(answer["image"])})


def _find(program: str) -> str:
    path = shutil.which(program, path="/usr/bin:/usr/local/bin:/bin:/opt/homebrew/bin")
    if path is None:
        package = {"as": "binutils", "ld": "binutils"}.get(program, program)
        raise HostUnavailable(f"the assembler `{program}` is not installed", hint=f"apt-get install {package}")
    return path


def run_tool(text: str, tool: str, script: str = "") -> AssemblerRun:
    """The confined processes of a row of `_TOOLS`, in a scratch folder of their own; the first that fails ends it.

    `text` is the assembler's source, `script` the linker's.
    """
    ask = _ask.get()
    if ask is not None:
        return _asked_run(ask, text, tool, script)
    commands = [(_find(program), arguments) for program, arguments in _TOOLS[tool]]
    with tempfile.TemporaryDirectory(prefix="glassbox-as-") as scratch:
        folder, status = Path(scratch), 0
        (folder / "main.asm").write_text(text, encoding="utf-8", newline="\n")
        if script:
            (folder / "main.ld").write_text(script, encoding="utf-8", newline="\n")
        for program, arguments in commands:
            status = status or _run(program, arguments, scratch)

        def read(name: str, limit: int) -> bytes:
            path = folder / name
            if not path.is_file():
                return b""
            with path.open("rb") as file:
                return file.read(limit)

        return AssemblerRun(
            status=status,
            stderr=read("stderr", 1 << 20).decode("utf-8", "replace"),
            image=read("main.bin", MAX_IMAGE_BYTES + 1),
            listing=read("main.lst", MAX_FILE_BYTES).decode("utf-8", "replace"),
            map=read("main.map", MAX_FILE_BYTES).decode("utf-8", "replace"),
        )


def _run(program: str, arguments: Sequence[str], scratch: str) -> int:
    confinement = Confinement(program, scratch, CPU_SECONDS, ADDRESS_SPACE_BYTES, MAX_FILE_BYTES)
    try:
        with confinement, (Path(scratch) / "stderr").open("ab") as stderr:
            done = subprocess.run(
                [program, *arguments],
                cwd=scratch,
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                timeout=RUN_SECONDS,
                check=False,
                preexec_fn=confinement.enter,  # the walls go up in the child
            )
    except subprocess.TimeoutExpired:
        return -9
    return done.returncode


_GAS = ("--64", "-W", "-L", "-alns=main.lst")
#: Programs with their arguments, by what a request calls them: nasm by the width of code that the source begins with.
_TOOLS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    **{
        f"nasm{bits}": (
            (
                "nasm",
                (
                    *("-w-all", "--before", "[map all main.map]", "--before", f"[bits {bits}]"),
                    *("-f", "bin", "-o", "main.bin", "-l", "main.lst", "main.asm"),
                ),
            ),
        )
        for bits in (16, 32, 64)
    },
    "nasm-object": (("nasm", ("-w-all", "-f", "elf64", "-o", "main.bin", "-l", "main.lst", "main.asm")),),
    "nasm-preprocess": (("nasm", ("-w-all", "-E", "-o", "main.lst", "main.asm")),),
    "gas": (
        ("as", (*_GAS, "-o", "main.o", "main.asm")),
        (
            "ld",
            (
                *("-m", "elf_x86_64", "-N", "-z", "max-page-size=1", "--oformat", "binary", "-Map=main.map"),
                *("-T", "main.ld", "-o", "main.bin", "main.o"),
            ),
        ),
    ),
    "gas-object": (("as", (*_GAS, "-o", "main.bin", "main.asm")),),
    "gas-expand": (("as", ("--64", "-W", "-almn=main.lst", "-o", "main.bin", "main.asm")),),
}


def _blanked(lines: list[str], number: int) -> str:
    """The line without its statement; its label stays, so that other lines still find it."""
    label = re.match(r"\s*[\w.$?@#~]+\s*:", lines[number - 1])
    return label[0] if label else ""


def _errors_of(run: AssemblerRun, lines: list[str], file: str) -> list[Diagnostic]:
    found = []
    for report in run.stderr.splitlines():
        match = _ERROR.match(report)
        if match and 1 <= int(match[1]) <= len(lines):
            number = int(match[1])
            found.append(Diagnostic(match[2], file, _span(lines[number - 1], number, match[2])))
    return found


def ended_badly(run: AssemblerRun, hint: str) -> Diagnostic | None:
    """The complaint when the assembler was killed or wrote too much."""
    if run.status < 0:
        message = f"the assembler was stopped: this needs more than {CPU_SECONDS} s or too much memory to assemble"
        return Diagnostic(message, "main.asm", hint=hint)
    if len(run.image) > MAX_IMAGE_BYTES:
        return Diagnostic(f"the program is larger than {MAX_IMAGE_BYTES >> 10} KiB", "main.asm")
    return None


def _all_errors(text: str, first: AssemblerRun, file: str, tool: str) -> list[Diagnostic]:
    """Every error: nasm stops at the first pass that has some, so the guilty lines are blanked and it runs again."""
    original = text.split("\n")
    lines, found, run = list(original), [], first
    seen: set[tuple[int, str]] = set()
    for _ in range(MAX_ERRORS):
        fresh = [d for d in _errors_of(run, original, file) if d.span and (d.span.line, d.message) not in seen]
        if not fresh:
            break
        for diagnostic in fresh:
            assert diagnostic.span  # noqa: S101 - _errors_of gives every diagnostic one
            seen.add((diagnostic.span.line, diagnostic.message))
            found.append(diagnostic)
            lines[diagnostic.span.line - 1] = _blanked(lines, diagnostic.span.line)
        structural = any(original[d.span.line - 1].lstrip().startswith("%") for d in fresh if d.span)
        if structural or len(found) >= MAX_ERRORS:
            break  # without its %rep or %macro the rest of the text would only be accused wrongly
        run = run_tool("\n".join(lines), tool)
        if run.status == 0:
            break
    return sorted(found, key=lambda d: d.span.line if d.span else 0)[:MAX_ERRORS]


def _sections(map_text: str) -> dict[str, int]:
    """Virtual start address of each section, from the map's summary."""
    found = {}
    for match in re.finditer(r"^ *([0-9A-F]+) +([0-9A-F]+) +([0-9A-F]+) +([0-9A-F]+) +\S+ +(\S+)$", map_text, re.M):
        found[match[5]] = int(match[1], 16)
    return found


def _labels(map_text: str) -> list[tuple[str, int]]:
    """(name, address) of every label, in address order. `equ` constants are not labels: they have no section."""
    start = map_text.find("-- Symbols --")
    found = re.findall(r"^ *([0-9A-F]+) +([0-9A-F]+) {2,}(\S+)$", map_text[start:], re.M) if start >= 0 else []
    return sorted(((name, int(virtual, 16)) for _, virtual, name in found), key=lambda label: label[1])


def _listed_length(field: str) -> int:
    """How many bytes the bytes column of a listing line stands for: `41<rep 3h>`, `A1[1F00]`, `E8(F2FF)`, `90`."""
    repeat = re.search(r"<(?:rep|res|bin) ([0-9A-F]+)h>", field)
    if repeat:
        return int(repeat[1], 16)
    return len(re.findall(r"[0-9A-F?]{2}", re.sub(r"<.*?>", "", field)))


def _source_rows(listing: str, sections: dict[str, int], lines: list[str], bits: int) -> Iterator[SourceRow]:
    """The rows of a listing. Lines of an expanded macro belong to the line that used it."""
    base, outer = sections.get(".text", 0), 0
    for entry in listing.splitlines():
        position = _POSITION.match(entry)
        if not position:
            continue
        text, macro = entry[40:], entry[33:37].strip().startswith("<")
        if macro:
            text = entry[37:].strip()
        else:
            outer = int(position[1])
        width = _BITS.match(strip_comment(text))
        if width:
            bits = int(width[1] or width[2])
        section = _SECTION.match(strip_comment(text))
        if section:
            base = sections.get(section[1], base)
        field = entry[16 : 35 if not macro else 33].strip().rstrip("-")
        if not position[2].strip() or not re.match(r"[0-9A-F\[(]", field):
            continue
        source = strip_comment(text).strip() or strip_comment(lines[outer - 1] if outer <= len(lines) else "").strip()
        yield SourceRow(base + int(position[2], 16), _listed_length(field), outer, bool(_DATA.match(source)), bits)


def _merged(rows: Iterator[SourceRow]) -> tuple[SourceRow, ...]:
    """In address order, with continued data lines joined."""
    merged: list[SourceRow] = []
    for row in sorted(rows, key=lambda r: r.address):
        last = merged[-1] if merged else None
        if (
            last
            and last.line == row.line
            and last.is_data
            and row.is_data
            and last.address + last.length == row.address
        ):
            merged[-1] = SourceRow(last.address, last.length + row.length, row.line, True, row.bits)
        elif row.length:
            merged.append(row)
    return tuple(merged)


def _origin(map_text: str) -> int:
    match = re.search(r"-- Program origin -+\s+([0-9A-F]+)", map_text)
    return int(match[1], 16) if match else 0


def _pasted_refusal(text: str, file: str) -> list[Diagnostic]:
    """Where the kernel cannot keep nasm away from files: the preprocessed text must be innocent as well."""
    run = run_tool(text, "nasm-preprocess")
    return [Diagnostic(d.message, file) for d in _refusals(run.listing, file) if "incbin" in d.message]


def lines_of(text: str) -> str:
    """The text with the line ends that assemblers count."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def rows_of(listing: str, sections: dict[str, int], text: str, bits: int) -> tuple[SourceRow, ...]:
    """What each line put where, out of nasm's listing and the sections' addresses."""
    return _merged(_source_rows(listing, sections, lines_of(text).split("\n"), bits))


def assemble(text: str, file: str = "main.asm", bits: int = 16) -> Assembly:
    """Assemble NASM source that begins with code of `bits`.

    SourceError with every error found; HostUnavailable without nasm.
    """
    run = run_nasm(text, file, f"nasm{bits}")
    origin = _origin(run.map)
    if not run.image:
        raise SourceError([Diagnostic("the program is empty", file, hint="write at least one instruction, e.g. hlt")])
    if origin + len(run.image) > ADDRESS_LIMIT:
        raise SourceError([Diagnostic(f"org {origin:#x} puts the program beyond the first 1 MiB", file)])
    rows = rows_of(run.listing, _sections(run.map), text, bits)
    return Assembly(run.image, origin, rows, tuple(_labels(run.map)), file)


def run_nasm(text: str, file: str, tool: str) -> AssemblerRun:
    """What a row of `_TOOLS` that is nasm's makes of a source. SourceError with every error found."""
    text = lines_of(text)
    refused = _refusals(text, file)
    if not refused and landlock_version() == 0:
        refused = _pasted_refusal(text, file)
    if refused:
        raise SourceError(refused[:MAX_ERRORS])
    run = run_tool(text, tool)
    bad = ended_badly(run, "look for a `times` or `%rep` with a huge count")
    if bad:
        raise SourceError([bad])
    if run.status:
        errors = _all_errors(text, run, file, tool)
        if not errors:
            first = run.stderr.strip().splitlines() or ["the assembler failed without a message"]
            errors = [Diagnostic(first[0][:200], file)]
        raise SourceError(errors)
    return run


_HEX_TOKEN = re.compile(r"[^\s,]+")


def parse_hex(text: str, file: str = "main.hex", bits: int = 16) -> Assembly:
    """Raw bytes written as hex digits: `b8 01 00`, `0xb8`, `b80100`; `;`, `#` and `//` begin comments."""
    image, rows, errors = bytearray(), [], []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        start = len(image)
        for token in _HEX_TOKEN.finditer(re.split(r";|#|//", line, maxsplit=1)[0]):
            digits = re.sub(r"^0x", "", token[0], flags=re.I)
            span = Span(number, token.start() + 1, number, token.end() + 1)
            if not re.fullmatch(r"[0-9a-fA-F]+", digits):
                errors.append(Diagnostic(f"`{token[0][:20]}` is not a hex byte", file, span))
            elif len(digits) % 2:
                errors.append(
                    Diagnostic(f"`{token[0][:20]}` has an odd number of digits", file, span, "a byte has two")
                )
            else:
                image += bytes.fromhex(digits)
        if len(image) > start:
            rows.append(SourceRow(start, len(image) - start, number, False, bits))
    if not errors and not image:
        errors.append(Diagnostic("there are no bytes", file))
    if not errors and len(image) > MAX_IMAGE_BYTES:
        errors.append(Diagnostic(f"the program is larger than {MAX_IMAGE_BYTES >> 10} KiB", file))
    if errors:
        raise SourceError(errors[:MAX_ERRORS])
    return Assembly(bytes(image), 0, tuple(rows), (), file)
