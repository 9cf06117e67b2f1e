"""A real gdb debugs x86 programs on both CPUs, and goes back in them."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.debuggers.gdb_client import PATIENCE_S, ROOT, Packets, Server, gdb

STACK = ROOT / "examples" / "x86" / "stack.asm"
#: In stack.asm: where `factorial` begins, and its `mul bx`.
FACTORIAL, MULTIPLY = 0x13, 0x1E
Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(program, *options)` starts a server."""
    servers: list[Server] = []

    def start(program: Path, *options: str) -> Server:
        servers.append(Server("gdbserver", "--listen", "0", *options, str(program)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def packets(serve: Serve, tmp_path: Path) -> Iterator[Callable[..., Packets]]:
    """`packets(text, *options)` serves a program and connects without a gdb."""
    made: list[Packets] = []

    def connect(text: str, *options: str) -> Packets:
        path = tmp_path / "main.asm"
        path.write_text(text, encoding="utf-8")
        made.append(Packets(serve(path, "--cpu", "unicorn", *options).connect()))
        return made[-1]

    yield connect
    for one in made:
        one.close()


def register(text: str, name: str) -> int:
    """A register's value in what `info registers` prints."""
    found = re.search(rf"^{name}\s+(0x[0-9a-f]+)", text, re.MULTILINE)
    assert found, text
    return int(found.group(1), 16)


def test_gdb_reads_registers_and_memory_and_disassembles_16_bit_code(serve: Serve, cpu: str) -> None:
    server = serve(STACK, "--cpu", cpu)
    start, code, _, _, after, memory = gdb(
        server.port, "info registers", "x/3i $pc", "stepi", "stepi", "info registers eax esp eip tick", "x/6xb 0"
    )
    assert [register(start, name) for name in ("eax", "eip", "eflags", "cs", "gs")] == [0, 0, 2, 0, 0]
    assert "mov    $0x200,%sp" in code
    assert f"call   {FACTORIAL:#x}" in code
    assert [register(after, name) for name in ("eax", "esp", "eip", "tick")] == [5, 0x200, 6, 2]
    assert memory.split()[1:] == ["0xbc", "0x00", "0x02", "0xb8", "0x05", "0x00"]


def test_gdb_steps_back_and_runs_back_to_breakpoints(serve: Serve, cpu: str) -> None:
    server = serve(STACK, "--cpu", cpu)
    said = gdb(
        server.port,
        f"break *{MULTIPLY:#x}",
        *("continue", "print $tick", "continue", "print $tick", "print $ax"),
        *("reverse-stepi", "print $tick", "stepi", "print $tick"),
        *("reverse-continue", "print $tick", "reverse-continue", "print $tick"),
    )
    ticks = [int(text.split("= ")[1]) for text in said if text.startswith("$")]
    first, second, ax, back, again, reverse, start = ticks
    assert f"Breakpoint 1, 0x{MULTIPLY:08x}" in said[1]
    assert f"Breakpoint 1, 0x{MULTIPLY:08x}" in said[3]
    assert second > first
    assert ax == 2
    assert (back, again) == (second - 1, second)
    assert reverse == first
    assert start == 0
    assert "No more reverse-execution history" in said[12]


def test_gdb_sees_the_output_the_end_and_the_way_back_from_it(serve: Serve, cpu: str) -> None:
    server = serve(STACK, "--cpu", cpu, "--once")
    end, tick, back, before, _, gone = gdb(
        server.port, "continue", "print $tick", "reverse-stepi", "print $tick", "continue", "continue"
    )
    assert "120\n" in end
    assert "No more reverse-execution history" in end
    assert int(before.split("= ")[1]) == int(tick.split("= ")[1]) - 1
    assert back
    assert "exited normally" in gone
    assert server.process.wait(PATIENCE_S) == 0


def test_gdb_asks_for_a_tick_by_monitor(serve: Serve, cpu: str) -> None:
    server = serve(STACK, "--cpu", cpu)
    commands = ("break *0x13", "continue", "continue", "monitor seek 2", "maintenance flush register-cache", "p $tick")
    *_, tick = gdb(server.port, *commands)
    assert tick.endswith("= 2")


WRITER = """\
        mov  cx, 3000
again:  mov  [0x600], cx
        loop again
        mov  ax, 7
        mov  [0x500], ax
        mov  ax, 9
        mov  [0x500], ax
        nop
        hlt
"""


@pytest.mark.parametrize("hardware", [1, 0])
def test_gdb_watches_a_word_of_memory_backwards(serve: Serve, tmp_path: Path, hardware: int) -> None:
    path = tmp_path / "main.asm"
    path.write_text(WRITER, encoding="utf-8")
    server = serve(path, "--cpu", "unicorn")
    last = 1 + 2 * 3000 + 4
    *_, found, tick = gdb(
        server.port,
        *(f"monitor seek {last + 1}", "maintenance flush register-cache"),
        *(f"set can-use-hw-watchpoints {hardware}", "watch *(short *)0x500", "reverse-continue", "print $tick"),
    )
    assert "Old value = 9\nNew value = 7" in found
    assert int(tick.split("= ")[1]) == last - 1


def test_gdb_watches_a_word_of_memory_forwards(serve: Serve, tmp_path: Path, cpu: str) -> None:
    path = tmp_path / "main.asm"
    path.write_text(WRITER, encoding="utf-8")
    server = serve(path, "--cpu", cpu)
    _, first, tick, second, back, before = gdb(
        server.port, "watch *(short *)0x500", "continue", "print $tick", "continue", "reverse-continue", "print $tick"
    )
    assert "Old value = 0\nNew value = 7" in first
    assert "Old value = 7\nNew value = 9" in second
    assert "Old value = 9\nNew value = 7" in back
    assert int(tick.split("= ")[1]) == 1 + 2 * 3000 + 2
    assert int(before.split("= ")[1]) == 1 + 2 * 3000 + 3


def test_a_breakpoint_before_a_watched_write_comes_first(packets: Callable[..., Packets]) -> None:
    client = packets("mov ax, 7\nmov [0x500], ax\nmov bx, 1\nmov [0x500], bx\nhlt\n")
    assert client.ask(b"Z2,500,2") == b"OK"
    assert client.ask(b"Z0,6,1") == b"OK"
    ticks = []
    for packet, reason in ((b"c", b"watch:500;"), (b"c", b"watch:500;"), (b"bc", b"watch:500;"), (b"bc", b"")):
        assert client.ask(packet) == b"T05thread:1;" + reason
        ticks.append(int.from_bytes(bytes.fromhex(client.ask(b"g")[-16:].decode()), "little"))
    assert ticks == [2, 4, 3, 2]
    assert client.ask(b"z2,500,2") == b"OK"
    assert client.ask(b"bc") == b"T05thread:1;replaylog:begin;"


def test_an_endless_program_is_interrupted(packets: Callable[..., Packets]) -> None:
    client = packets("mov al, '!'\nout 0xe9, al\nagain: inc ax\njmp again\n")
    client.send(b"vCont;c")
    assert client.receive() == b"O" + b"!".hex().encode()
    client.connection.sendall(b"\x03")
    assert client.receive().startswith(b"T02")
    tick = int.from_bytes(bytes.fromhex(client.ask(b"g")[-16:].decode()), "little")
    assert client.ask(b"bs").startswith(b"T05")
    assert int.from_bytes(bytes.fromhex(client.ask(b"g")[-16:].decode()), "little") == tick - 1
    assert client.ask(b"D") == b"OK"


def test_the_past_cannot_be_written(packets: Callable[..., Packets]) -> None:
    client = packets("mov ax, 1\nhlt\n")
    before = client.ask(b"g")
    for packet in (b"G" + before, b"P0=00000000", b"M0,1:00", b"X0,1:\x00"):
        assert client.ask(packet).startswith(b"E.")
    assert client.ask(b"g") == before


def test_what_the_stub_can_do_is_told_and_the_rest_is_empty(packets: Callable[..., Packets]) -> None:
    client = packets("mov ax, 1\nhlt\n")
    features = client.ask(b"qSupported:multiprocess+;swbreak+").split(b";")
    assert {b"ReverseStep+", b"ReverseContinue+", b"qXfer:features:read+"} <= set(features)
    assert client.ask(b"qNoSuchThing") == b""
    assert client.ask(b"vMustReplyEmpty") == b""
    assert client.ask(b"Z3,500,2") == b""
    assert client.ask(b"?") == b"T05thread:1;"
    assert client.ask(b"m100000,4") == b"E01"
    assert client.ask(b"mzz,4") == b"E01"
    assert client.ask(b"pffff") == b"E01"
    assert client.ask(b"p8") == b"00000000"


def test_the_description_comes_in_pieces_and_counts_as_many_bytes_as_there_are_registers(
    packets: Callable[..., Packets],
) -> None:
    client = packets("mov ax, 1\nhlt\n")
    text, offset = b"", 0
    while True:
        piece = client.ask(b"qXfer:features:read:target.xml:%x,100" % offset)
        text += piece[1:]
        offset += len(piece) - 1
        if piece[:1] == b"l":
            break
    assert offset > 0x100
    bits = sum(int(size) for size in re.findall(rb'bitsize="(\d+)"', text))
    assert len(client.ask(b"g")) == bits // 4


def test_a_damaged_packet_is_asked_for_again(packets: Callable[..., Packets]) -> None:
    client = packets("hlt\n")
    client.connection.sendall(b"$?#00")
    assert client.stream.read(1) == b"-"
    assert client.ask(b"?") == b"T05thread:1;"


def test_the_segments_of_the_fetch_and_the_stack_are_in_the_addresses(packets: Callable[..., Packets]) -> None:
    client = packets("mov ax, 0x1000\nmov ss, ax\nmov sp, 0x20\njmp 0x0:next\nnext: hlt\n")
    for _ in range(4):
        client.ask(b"s")
    registers = client.ask(b"g")
    esp = int.from_bytes(bytes.fromhex(registers[4 * 8 : 5 * 8].decode()), "little")
    assert esp == 0x10020


def test_a_fault_aborts_and_the_past_stays_open(packets: Callable[..., Packets]) -> None:
    client = packets("mov ax, 1\njmp 0xffff:0x10\n")
    client.send(b"c")
    said = client.receive()
    assert said.startswith(b"O")
    assert b"there is no memory at 0x100000" in bytes.fromhex(said[1:].decode())
    assert client.receive().startswith(b"T06")
    assert client.ask(b"bc") == b"T05thread:1;replaylog:begin;"
    assert client.ask(b"bs") == b"T05thread:1;replaylog:begin;"


def test_input_comes_from_a_file_or_from_the_monitor(packets: Callable[..., Packets], tmp_path: Path) -> None:
    text = "mov dx, 0x3f8\nin al, dx\nhlt\n"
    (tmp_path / "typed").write_bytes(b"Q")
    client = packets(text, "--input", str(tmp_path / "typed"))
    assert client.ask(b"c") == b"T05thread:1;replaylog:end;"
    assert client.ask(b"p0") == b"51000000"

    client = packets(text)
    client.send(b"c")
    assert b"waits for input" in bytes.fromhex(client.receive()[1:].decode())
    assert client.receive().startswith(b"T02")
    assert bytes.fromhex(client.ask(b"qRcmd," + b"input Z".hex().encode()).decode()) == b"given\n"
    assert client.ask(b"c") == b"T05thread:1;replaylog:end;"
    assert client.ask(b"p0") == b"5a000000"


def test_who_is_not_gdb_is_cut_off_and_gdb_is_served_afterwards(serve: Serve) -> None:
    server = serve(STACK, "--cpu", "unicorn")
    with server.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n$c#63")
        assert connection.recv(100) in (b"",)
    client = Packets(server.connect())
    assert client.ask(b"?") == b"T05thread:1;"
    client.close()


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("main.asm", "mov ax,\nmove\n", "main.asm:1: "),
        ("main.lua", "print(1)\n", "has no CPU that gdb knows"),
        ("main.txt", "", "Name the room"),
    ],
)
def test_what_is_wrong_with_the_program_is_said_before_anybody_connects(
    tmp_path: Path, name: str, text: str, sentence: str
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "engine", "gdbserver", "--listen", "0", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == (1 if name == "main.asm" else 2)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


WIDE = """
    mov rax, 0x1122334455667788
    mov r9, rax
    mov rsp, 0x9000
    push rax
    mov qword [0x9100], 1
    inc qword [0x9100]
    add qword [0x9100], 5
    nop
    hlt
"""


@pytest.mark.parametrize("mode", ["long64", "user64"])
def test_gdb_takes_a_64_bit_machine_for_an_amd64(serve: Serve, cpu: str, mode: str, tmp_path: Path) -> None:
    path = tmp_path / "main.asm"
    text = (
        "global _start\nsection .text\n_start:\n mov rax, 0x1122334455667788\n mov r9, rax\n mov edi, 0\n mov eax, 60\n"
    )
    path.write_text(text + " syscall\n" if mode == "user64" else WIDE, encoding="utf-8")
    server = serve(path, "--cpu", cpu, "--mode", mode)
    code, _, _, after, back, value = gdb(
        server.port, "x/2i $pc", "stepi", "stepi", "info registers rax r9 tick", "reverse-stepi", "print/x $r9"
    )
    assert "movabs $0x1122334455667788,%rax" in code
    assert "mov    %rax,%r9" in code
    assert [register(after, name) for name in ("rax", "r9", "tick")] == [0x1122334455667788, 0x1122334455667788, 2]
    assert back
    assert value.endswith("= 0x0")


def test_gdb_watches_memory_of_a_64_bit_machine_in_both_directions(serve: Serve, cpu: str, tmp_path: Path) -> None:
    path = tmp_path / "main.asm"
    path.write_text(WIDE, encoding="utf-8")
    server = serve(path, "--cpu", cpu, "--mode", "long64")
    said = gdb(
        server.port,
        *("stepi", "stepi", "stepi", "stepi", "stepi"),
        "watch *(long *)0x9100",
        *("continue", "continue", "print $tick"),
        *("reverse-continue", "reverse-continue", "print $tick"),
        "x/1xg $rsp",
    )
    assert "Old value = 1" in said[6]
    assert "New value = 2" in said[6]
    assert "New value = 7" in said[7]
    assert said[8].endswith("= 7")
    assert "New value = 2" in said[9]
    assert "New value = 1" in said[10]
    assert "0x1122334455667788" in said[12]
