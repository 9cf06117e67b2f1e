"""GNU assembler source to a program: `as` makes an object file of it, `ld` places it; both are confined like nasm.

Both syntaxes: AT&T's, and Intel's without register prefixes. An object has no addresses of its own, so the mode says
where its program begins; there its sections lie one after another, code first. Manuals: "Using as", "The GNU linker".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.errors import Diagnostic, SourceError, Span
from engine.x86.assembler import (
    ADDRESS_LIMIT,
    MAX_ERRORS,
    AssemblerRun,
    Assembly,
    SourceRow,
    ended_badly,
    lines_of,
    run_tool,
)
from engine.x86.assembler_sandbox import landlock_version

#: The names of the two syntaxes, as the visitor picks them.
ATT, INTEL = "gas", "gas-intel"
_PRELUDES = {
    (ATT, 16): ".code16;",
    (ATT, 32): ".code32;",
    (ATT, 64): "",
    (INTEL, 16): ".code16; .intel_syntax noprefix;",
    (INTEL, 32): ".code32; .intel_syntax noprefix;",
    (INTEL, 64): ".intel_syntax noprefix;",
}
_REFUSED = (
    (re.compile(r"\.incbin\b", re.I), "`.incbin` reads a file; programs here have only their own text"),
    (re.compile(r"\.include\b", re.I), "`.include` reads a file; programs here have only their own text"),
    (re.compile(r"\.line(?:file)?\b", re.I), "`.line` changes line numbers; it is switched off here"),
    (re.compile(r"^\s*#\s*\d+\s*\""), '`# 1 "file"` changes line numbers; begin the comment with another word'),
)
_ERROR = re.compile(r"^main\.asm:(\d+): (?:Error|Fatal error): (.*)$")
_SCRIPT = """SECTIONS {{
  . = {origin:#x};
  .text : {{ *(.text .text.*) }}
  .rodata : {{ *(.rodata .rodata.*) }}
  .data : {{ *(.data .data.*) }}
  .bss : {{ *(.bss .bss.* COMMON) }}
  /DISCARD/ : {{ *(.note* .comment .eh_frame*) }}
}}
"""
_PLACED = re.compile(r"^ (\S+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) main\.o$", re.M)
_SYMBOL = re.compile(r"^ *\S+:\d+ +(\S+):([0-9a-f]{16}) (\S+)$", re.M)
_LINK_ERROR = re.compile(r"\(([^()+]+)\+0x([0-9a-f]+)\): (.*)$")
_ENDLESS = 1 << 40
_LABELS = re.compile(r"^(?:\s*[\w.$]+\s*:)+")
_SECTION = re.compile(r"\.(?:(text|data|bss)\b|(?:push)?section\s+\"?([\w.$-]+)\"?)", re.I)
_BACK = re.compile(r"\.(?:popsection|previous)\b", re.I)
_BITS = re.compile(r"\.code(16|32|64)", re.I)
_EMITS = re.compile(
    r"\.(?:byte|[1248]byte|octa|quad|long|int|short|word|hword|ascii|asciz|string(?:8|16|32|64)?|fill|space|skip|zero|"
    r"float|single|double|tfloat|dc|dcb|ds|uleb128|sleb128|org|comm|lcomm|value|dfloat)\b",
    re.I,
)


def _code(line: str) -> str:
    """The line without strings (blanked) and without its comment."""
    blanked = re.sub(r'"(?:\\.|[^"\\])*"|\'\\?.\'?', lambda m: m[0][0] + "_" * (len(m[0]) - 1), line)
    return re.sub(r"#.*|//.*|/\*.*?\*/", lambda m: " " * len(m[0]), blanked)


def _refusals(lines: list[str], file: str) -> list[Diagnostic]:
    found = []
    for number, line in enumerate(lines, 1):
        for pattern, message in _REFUSED:
            match = pattern.search(line if pattern.pattern.startswith("^") else _code(line))
            if match and message:
                found.append(Diagnostic(message, file, Span(number, match.start() + 1, number, match.end() + 1)))
                break
    return found


def _span(line: str, number: int, message: str) -> Span:
    """The words that the message quotes, if they stand in the line; else the line's code."""
    quoted = re.search(r"`([^']+)'", message)
    for wanted in (quoted[1], quoted[1].split()[0]) if quoted else ():
        at = line.find(wanted)
        if at >= 0:
            return Span(number, at + 1, number, at + len(wanted) + 1)
    code = _code(line)
    start = len(code) - len(code.lstrip())
    return Span(number, start + 1, number, max(len(code.rstrip()), start + 1) + 1)


def _errors(run: AssemblerRun, lines: list[str], file: str) -> list[Diagnostic]:
    found, seen = [], set()
    for report in run.stderr.splitlines():
        match = _ERROR.match(report)
        if match and 1 <= int(match[1]) <= len(lines) and (match[1], match[2]) not in seen:
            seen.add((match[1], match[2]))
            number = int(match[1])
            found.append(Diagnostic(match[2], file, _span(lines[number - 1], number, match[2])))
    return found[:MAX_ERRORS]


def _pasted_refusals(text: str, syntax: str, bits: int, file: str) -> list[Diagnostic]:
    """Where the kernel cannot keep `as` away from files: what macros expand to must be innocent as well."""
    expanded = run_tool(_PRELUDES[syntax, bits] + lines_of(text) + "\n", "gas-expand")
    return [Diagnostic(d.message, file) for d in _refusals(expanded.listing.splitlines(), file)]


def run(text: str, file: str, syntax: str, bits: int, script: str = "") -> AssemblerRun:
    """What `as` makes of a source: an object file, or with a linker's script the linked image.

    SourceError with every error that `as` reports; what the linker says is the caller's.
    """
    lines = lines_of(text).split("\n")
    refused = _refusals(lines, file)
    if not refused and landlock_version() == 0:
        refused = _pasted_refusals(text, syntax, bits, file)
    if refused:
        raise SourceError(refused[:MAX_ERRORS])
    done = run_tool(_PRELUDES[syntax, bits] + "\n".join(lines) + "\n", "gas" if script else "gas-object", script)
    hint = "look for a `.fill`, `.space` or `.rept` with a huge count"
    bad = ended_badly(done, hint)
    if not bad and "out of memory" in done.stderr:
        bad = Diagnostic("the assembler was stopped: this needs too much memory to assemble", file, hint=hint)
    if bad:
        raise SourceError([bad])
    errors = _errors(done, lines, file)
    if errors:
        raise SourceError(errors)
    return done


def assemble(text: str, file: str, syntax: str, bits: int, origin: int) -> Assembly:
    """Assemble and place a program that begins at `origin` with code of `bits`. SourceError with every error found."""
    made, lines = run(text, file, syntax, bits, _SCRIPT.format(origin=origin)), lines_of(text).split("\n")
    if made.status:
        raise SourceError(_link_errors(made, lines, file, bits))
    if not made.image:
        raise SourceError([Diagnostic("the program is empty", file, hint="write at least one instruction, e.g. hlt")])
    if origin + len(made.image) > ADDRESS_LIMIT:
        raise SourceError([Diagnostic("the program reaches beyond the first 1 MiB", file)])
    sections = {m[1]: (int(m[2], 16), int(m[3], 16)) for m in _PLACED.finditer(made.map)}
    return Assembly(made.image, origin, rows_of(made, sections, bits), _labels(made.listing, sections), file)


def _labels(listing: str, sections: dict[str, tuple[int, int]]) -> tuple[tuple[str, int], ...]:
    """(name, address) in address order, out of the listing's symbol table; what `.set` defines is no label."""
    _, _, table = listing.partition("\nDEFINED SYMBOLS\n")
    found = [(m[3], sections[m[1]][0] + int(m[2], 16)) for m in _SYMBOL.finditer(table) if m[1] in sections]
    return tuple(sorted(found, key=lambda label: label[1]))


def _link_errors(made: AssemblerRun, lines: list[str], file: str, bits: int) -> list[Diagnostic]:
    """What `ld` complains about, at the lines that put the bytes there."""
    rows, found = list(_section_rows(made.listing, bits)), []
    for report in made.stderr.splitlines():
        match = _LINK_ERROR.search(report)
        if not match:
            continue
        place, message = (match[1], int(match[2], 16)), match[3]
        line = next(
            (r.line or 0 for name, r in rows if name == place[0] and r.address <= place[1] < r.address + r.length), 0
        )
        hint = "a 16-bit address cannot hold it" if "truncated" in message else None
        span = _span(lines[line - 1], line, message) if 1 <= line <= len(lines) else None
        found.append(Diagnostic(message, file, span, hint))
    first = made.stderr.strip().splitlines() or ["the linker failed without a message"]
    return found[:MAX_ERRORS] or [Diagnostic(first[-1][:200], file)]


def _entries(listing: str) -> Iterator[tuple[int, int | None, str]]:
    """(line, offset in its section or None, source text) of each line of the source."""
    for entry in listing.splitlines():
        match = re.match(r"^ *(\d+) (?:([0-9a-f]{4,8}) |     )?([0-9A-F?]*)\s*\t(.*)$", entry)
        if match:
            yield int(match[1]), int(match[2], 16) if match[2] else None, match[4]


def rows_of(run: AssemblerRun, sections: dict[str, tuple[int, int]], bits: int) -> tuple[SourceRow, ...]:
    """What each line put where, out of the listing; `sections`: name -> (address, size)."""
    rows = []
    for name, row in _section_rows(run.listing, bits):
        address, size = sections.get(name, (0, 0))
        length = min(row.length, size - row.address)
        if length > 0:
            rows.append(SourceRow(address + row.address, length, row.line, row.is_data, row.bits))
    return tuple(sorted(rows, key=lambda row: row.address))


def _section_rows(listing: str, bits: int) -> Iterator[tuple[str, SourceRow]]:
    """(section, row) with addresses from the section's start; the last row of a section is said to be endless.

    The listing names no sections, so the directives that change them are followed. A line reaches to where the next one
    of its section begins: long data are cut short in the listing.
    """
    here, stack = ".text", [".text"]
    found: dict[str, list[tuple[int, int, bool, int]]] = {}
    for line, offset, text in _entries(listing):
        code = _code(text)
        width = _BITS.search(code)
        bits = int(width[1]) if width else bits
        named = _SECTION.search(code)
        if named:
            stack.append(here)
            here = f".{named[1].lower()}" if named[1] else named[2]
        elif _BACK.search(code):
            here, stack[-1] = stack[-1], here
        if offset is not None:
            found.setdefault(here, []).append((offset, line, _is_data(code), bits))
    for name, entries in found.items():
        ordered = sorted(entries, key=lambda entry: entry[0])
        ends = [entry[0] for entry in ordered[1:]] + [_ENDLESS]
        for (start, line, is_data, width_now), end in zip(ordered, ends, strict=True):
            if start < end:
                yield name, SourceRow(start, end - start, line, is_data, width_now)


def _is_data(code: str) -> bool:
    """True when every statement of the line that puts bytes somewhere is a data directive."""
    statements = [_LABELS.sub("", statement).strip() for statement in code.split(";")]
    emitting = [s for s in statements if s and (not s.startswith(".") or _EMITS.match(s))]
    return bool(emitting) and all(_EMITS.match(s) for s in emitting)
