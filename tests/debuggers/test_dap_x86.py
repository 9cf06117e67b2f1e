"""A client of the protocol debugs x86 programs on both CPUs."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.debuggers.dap_client import Client, RequestFailed

ROOT = Path(__file__).resolve().parents[2]
STACK = ROOT / "examples" / "x86" / "stack.asm"
Write = Callable[[str, str], Path]


def line_of(path: Path, start: str) -> int:
    """The number of the first line that starts so, blanks aside."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return 1 + next(n for n, line in enumerate(lines) if line.strip().startswith(start))


def test_registers_flags_and_segments_are_shown_and_follow_the_steps(client: Client, cpu: str) -> None:
    client.begin(STACK, options={"cpu": cpu})
    assert client.request("threads")["threads"][0]["name"] == f"vCPU ({cpu})"
    client.move("next")
    client.move("next")
    registers = client.values("Registers")
    assert (registers["sp"], registers["ax"]) == ("0x0200", "0x0005")
    assert client.values("Flags")["ZF"] == "0"
    segments = client.variables(client.scope("Segments")["variablesReference"])
    assert segments["cs"]["value"] == "0x0000"
    assert client.variables(segments["cs"]["variablesReference"])["limit"]["value"] == "0xffff"
    frame = client.stack()[0]["id"]
    assert client.request("evaluate", expression="ax", frameId=frame)["result"] == "0x0005"
    assert client.request("evaluate", expression="cs.base", frameId=frame)["result"] == "0x00000"


def test_steps_go_over_and_into_calls_and_back(client: Client, cpu: str) -> None:
    client.begin(STACK, options={"cpu": cpu})
    call = line_of(STACK, "call factorial")
    while client.line() != call:
        client.move("next")
    tick = client.tick()
    client.move("next")
    assert client.line() == call + 1
    assert client.values("Registers")["ax"] == "0x0078"
    client.move("stepBack")
    assert (client.line(), client.tick()) == (call, tick)
    client.move("stepIn")
    assert client.line() == line_of(STACK, "cmp  ax, 1")
    assert client.stack()[0]["name"] == "factorial"
    client.move("stepOut")
    assert client.line() == call + 1
    client.move("stepBack", granularity="instruction")
    assert client.line() == line_of(STACK, "ret")


def test_breakpoints_by_line_and_by_address_stop_in_both_directions(client: Client, cpu: str) -> None:
    client.begin(STACK, options={"cpu": cpu}, stopAtEnd=True)
    found = client.request("setBreakpoints", source={"path": str(STACK)}, breakpoints=[{"line": line_of(STACK, "mul")}])
    assert found["breakpoints"][0]["verified"] is True
    ticks = []
    for _ in range(4):
        assert client.move("continue")["reason"] == "breakpoint"
        ticks.append(client.tick())
    assert client.move("continue")["reason"] == "pause"
    assert client.printed() == "120\n"
    for tick in ticks[::-1]:
        assert client.move("reverseContinue")["reason"] == "breakpoint"
        assert client.tick() == tick
    address = client.stack()[0]["instructionPointerReference"]
    client.request("setBreakpoints", source={"path": str(STACK)}, breakpoints=[])
    client.request("setInstructionBreakpoints", breakpoints=[{"instructionReference": address}])
    assert client.move("continue")["reason"] == "instruction breakpoint"
    assert client.tick() == ticks[1]


def test_memory_is_read_and_disassembled(client: Client, cpu: str, program: Write) -> None:
    text = "mov ax, 1\nmov bx, 2\nadd ax, bx\nhlt\nmessage: db 'hello', 0\n"
    client.begin(program("main.asm", text), options={"cpu": cpu})
    data = client.variables(client.scope("Data")["variablesReference"])["message"]
    answer = client.request("readMemory", memoryReference=data["memoryReference"], count=5)
    assert base64.b64decode(answer["data"]) == b"hello"
    end = client.request("readMemory", memoryReference="0xffffe", count=8)
    assert (len(base64.b64decode(end["data"])), end["unreadableBytes"]) == (2, 6)
    client.move("next")
    client.move("next")
    reference = client.stack()[0]["instructionPointerReference"]
    answer = client.request("disassemble", memoryReference=reference, instructionOffset=-4, instructionCount=6)
    texts = [line["instruction"] for line in answer["instructions"]]
    assert texts == ["??", "??", "mov ax, 1", "mov bx, 2", "add ax, bx", "hlt"]
    assert answer["instructions"][4]["line"] == 3
    assert answer["instructions"][5]["instructionBytes"] == "f4"
    later = client.request("disassemble", memoryReference=reference, instructionOffset=1, instructionCount=1)
    assert later["instructions"][0]["instruction"] == "hlt"


def test_a_fault_is_an_exception_with_its_sentence(client: Client, cpu: str, program: Write) -> None:
    path = program("main.asm", "mov ax, 0xffff\njmp 0xffff:0x10\n")
    client.launch(path, options={"cpu": cpu})
    client.request("configurationDone")
    body = client.event("stopped")["body"]
    assert body["reason"] == "exception"
    assert "there is no memory at 0x100000" in body["text"]
    assert client.line() == 2
    client.move("stepBack")
    assert client.line() == 1


def test_the_serial_port_takes_prepared_input(client: Client, cpu: str) -> None:
    client.launch(ROOT / "examples" / "x86" / "greet.asm", options={"cpu": cpu}, input="hello\n")
    client.request("configurationDone")
    client.event("terminated")
    assert client.printed() == "HELLO\n"


def test_an_unknown_option_is_a_sentence(client: Client) -> None:
    with pytest.raises(RequestFailed, match="one of auto, kvm, unicorn"):
        client.launch(STACK, options={"cpu": "z80"})
    client.launch(STACK, options={"cpu": "unicorn"})
