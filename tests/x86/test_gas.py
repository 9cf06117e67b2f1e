"""GNU as sources: both syntaxes, every mode, errors with their places, no file of the host, an end to everything."""

from pathlib import Path

import pytest
from x86_runs import CPUS, Run, record

from engine.errors import SourceError
from engine.machine import Journal, Limits
from engine.rooms import SourceFile
from engine.x86 import gas, room
from engine.x86.assembler_sandbox import landlock_version

SOURCE = """# comment "x"
start:  mov $5, %ax
        .macro twice n
        add $\\n, %ax
        add $\\n, %ax
        .endm
        twice 3
        jmp done            # .include "in a comment"
msg:    .asciz "hello; .incbin, this is a longer text"
        .equ K, 5
        .fill 4, 2, 0x1234
        mov $msg, %bx
1:      loop 1b
done:   mov v, %ax; hlt
        .data
v:      .word 7
        .section .rodata
r:      .byte 1, 2
        .bss
b:      .skip 4
"""


def errors_of(source: str, syntax: str = "gas", bits: int = 16) -> list[tuple[int | None, str]]:
    with pytest.raises(SourceError) as caught:
        gas.assemble(source, "main.s", syntax, bits, 0)
    return [(d.span.line if d.span else None, d.message) for d in caught.value.diagnostics]


def build_and_run(source: str, **options: str) -> Run:
    machine = room.start(room.build([SourceFile("main.asm", source)], options), Journal(), Limits())
    try:
        run = record(machine)
        run.machine.view()
        return run
    finally:
        machine.close()


def test_lines_labels_sections_and_long_data() -> None:
    found = gas.assemble(SOURCE, "main.s", "gas", 16, 0x7C00)
    rows = [(r.address - 0x7C00, r.length, r.line, r.is_data) for r in found.rows]
    assert rows == [
        (0, 3, 2, False),
        (3, 6, 7, False),
        (9, 2, 8, False),
        (11, 38, 9, True),
        (49, 8, 11, True),
        (57, 3, 12, False),
        (60, 2, 13, False),
        (62, 4, 14, False),
        (66, 2, 18, True),
        (68, 2, 16, True),
        (70, 4, 20, True),
    ]
    assert [(name, address - 0x7C00) for name, address in found.labels] == [
        ("start", 0),
        ("msg", 11),
        ("done", 62),
        ("r", 66),
        ("v", 68),
        ("b", 70),
    ]
    assert found.image[57:60] == b"\xbb\x0b\x7c"
    assert found.image[62:65] == b"\xa1\x44\x7c"


def test_both_syntaxes_make_the_same_bytes() -> None:
    att = "x: movl $5, %eax\nlea 8(%rbx,%rcx,4), %rdx\nmov y(%rip), %rsi\naddq $1, (%rdi)\ny: .quad x"
    intel = "x: mov eax, 5\nlea rdx, [rbx+rcx*4+8]\nmov rsi, [rip+y]\nadd qword ptr [rdi], 1\ny: .quad x"
    one = gas.assemble(att, "a.s", "gas", 64, 0x1000)
    other = gas.assemble(intel, "b.s", "gas-intel", 64, 0x1000)
    assert one.image == other.image
    assert one.labels == other.labels


def test_every_error_with_the_words_it_is_about() -> None:
    assert errors_of("nop\nfoo %eax\nmov $1, %al\n  bar\n") == [
        (2, "no such instruction: `foo %eax'"),
        (4, "no such instruction: `bar'"),
    ]
    with pytest.raises(SourceError) as caught:
        gas.assemble("  call nowhere\nhlt", "main.s", "gas", 16, 0)
    span = caught.value.diagnostics[0].span
    assert (span.line, span.column, span.end_column) == (1, 8, 15)
    found = errors_of(".data\n.org 0x20000\nx: .word 1\n.text\nnop\nmov $x, %ax")
    assert found[0][0] == 6
    assert found[0][1].startswith("relocation truncated to fit")
    assert errors_of("# nothing") == [(None, "the program is empty")]
    assert errors_of(".org 0x1ffff\nnop")[0][1].startswith("the program is larger than 64 KiB")


@pytest.mark.parametrize(
    "text",
    ['.incbin "/etc/passwd"', '.INCLUDE "/etc/hostname"', '# 1 "/etc/passwd"', ".line 5", 'x: .incbin "a"'],
)
def test_what_reads_files_or_moves_lines_is_refused(text: str) -> None:
    line, message = errors_of("nop\n" + text)[0]
    assert line == 2
    assert "file" in message or "line" in message


@pytest.mark.parametrize("without_landlock", [False, True])
def test_a_pasted_incbin_reads_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_landlock: bool) -> None:
    if without_landlock:
        monkeypatch.setattr(gas, "landlock_version", lambda: 0)
    elif landlock_version() == 0:
        pytest.skip("this kernel has no landlock")
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    found = errors_of(f'.macro p a b\n.\\a\\b "{secret}"\n.endm\np inc bin\nhlt')
    assert "the secret" not in repr(found)
    assert any("incbin" in message or "secret" in message for _, message in found)


@pytest.mark.parametrize("text", [".fill 1000000000", ".rept 100000000\nnop\n.endr", ".space 0x7fffffff"])
def test_what_has_no_end_is_stopped(text: str) -> None:
    (_, message), *_ = errors_of(text)
    assert message.startswith(("the assembler was stopped", "the program is larger"))


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize(
    ("mode", "syntax", "source"),
    [
        ("real16", "gas", "mov $65, %al\nout %al, $0xe9\nhlt"),
        ("boot16", "gas-intel", "mov ah, 0x0e\nmov al, 65\nint 0x10\ncli\nhlt\n.org 510\n.word 0xaa55"),
        ("protected32", "gas", 'movl $msg, %esi\nlodsb\nout %al, $0xe9\nhlt\nmsg: .ascii "A"'),
        ("long64", "gas-intel", 'lea rsi, [rip+msg]\nlodsb\nout 0xe9, al\nhlt\nmsg: .ascii "A"'),
    ],
)
def test_every_mode_runs(mode: str, syntax: str, source: str, cpu: str) -> None:
    run = build_and_run(source, mode=mode, syntax=syntax, cpu=cpu)
    assert run.output == b"A"
    assert run.stop.reason == "halt"
