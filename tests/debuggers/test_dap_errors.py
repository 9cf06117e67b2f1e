"""What goes wrong in a debug session is a sentence for the person, and who speaks something else is shown the door."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.debuggers.dap_client import Client, RequestFailed
from tests.debuggers.gdb_client import Server

Write = Callable[[str, str], Path]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("main.lua", "local x =\n", "main.lua:2: unexpected symbol near <eof>"),
        ("main.asm", "mov ax, 1\nmove bx, 2\n", "main.asm:2"),
        ("main.txt", "", "which machine runs main.txt"),
    ],
)
def test_a_program_that_does_not_build_is_refused_with_its_diagnostics(
    client: Client, program: Write, name: str, text: str, sentence: str
) -> None:
    with pytest.raises(RequestFailed) as refused:
        client.launch(program(name, text))
    assert sentence in str(refused.value)
    shown = refused.value.body["error"]
    assert shown["variables"][shown["format"].strip("{}")] == str(refused.value)
    assert shown["showUser"] is True
    client.launch(program("good.lua", "print(1)"))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"program": 1},
        {"program": "/nonexistent/main.lua"},
        {"program": "main.lua", "text": "x = 1", "room": "pdp11"},
        {"program": "main.lua", "text": "x = 1", "files": "a.lua"},
        {"program": "main.lua", "text": "x = 1", "stopOnEntry": "yes"},
        {"program": "main.lua", "text": "x = 1", "options": ["cpu"]},
        {"program": "main.lua", "text": "x = 1", "options": {"turbo": "on"}},
    ],
)
def test_a_launch_with_wrong_arguments_is_a_sentence(client: Client, arguments: dict[str, Any]) -> None:
    with pytest.raises(RequestFailed) as refused:
        client.request("launch", **arguments)
    assert len(str(refused.value)) > 10
    assert "bug" not in str(refused.value)


def test_requests_without_a_program_are_refused(client: Client) -> None:
    for command in ("threads", "next", "continue", "stepBack", "stackTrace", "setBreakpoints", "configurationDone"):
        with pytest.raises(RequestFailed, match="no program is launched"):
            client.request(command, threadId=1)
    with pytest.raises(RequestFailed, match="no request 'fly'"):
        client.request("fly")


def test_requests_with_wrong_arguments_are_refused_and_change_nothing(client: Client, program: Write) -> None:
    client.begin(program("main.lua", "local a = 1\nlocal b = 2\n"))
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("stackTrace", {}),
        ("stackTrace", {"threadId": 99}),
        ("scopes", {"frameId": 12}),
        ("variables", {"variablesReference": 4}),
        ("variables", {"variablesReference": "x"}),
        ("next", {"threadId": 1, "granularity": "century"}),
        ("evaluate", {}),
        ("evaluate", {"expression": "nothing"}),
        ("disassemble", {"memoryReference": "here", "instructionCount": 1}),
        ("disassemble", {"memoryReference": "0x0", "instructionCount": 1 << 40}),
        ("readMemory", {"memoryReference": "0x0", "count": 4}),
        ("setBreakpoints", {"source": {"path": 1}, "breakpoints": [{}]}),
        ("setBreakpoints", {"source": {"name": "main.lua"}, "breakpoints": {"line": 1}}),
        ("setInstructionBreakpoints", {"breakpoints": [{"instructionReference": "-5"}]}),
        ("source", {"sourceReference": 7}),
        ("exceptionInfo", {"threadId": 1}),
        ("launch", {"program": "main.lua"}),
    ]
    for command, arguments in wrong:
        with pytest.raises(RequestFailed) as refused:
            client.request(command, **arguments)
        assert "bug" not in str(refused.value), (command, arguments)
    assert client.tick() == 0


def test_variables_of_an_earlier_moment_are_refused(client: Client, program: Write) -> None:
    client.begin(program("main.lua", "local a = 1\nlocal b = 2\n"))
    old = client.scope("Locals")["variablesReference"]
    client.move("next")
    with pytest.raises(RequestFailed, match="another moment"):
        client.variables(old)


def test_a_file_that_is_not_the_programs_gets_no_breakpoints(client: Client, program: Write) -> None:
    client.begin(program("main.lua", "local a = 1\n"))
    found = client.request("setBreakpoints", source={"path": "/etc/passwd"}, breakpoints=[{"line": 1}])
    assert found["breakpoints"] == [{"verified": False, "message": "the program has no such file"}]


def test_a_client_that_counts_lines_from_0_gets_such_lines(client: Client, program: Write) -> None:
    path = program("main.lua", "local a = 1\nlocal b = 2\nlocal c = 3\n")
    client.request("initialize", adapterID="glassbox", linesStartAt1=False)
    client.request("launch", program=str(path))
    found = client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": 2}])
    assert found["breakpoints"][0]["line"] == 2
    client.request("configurationDone")
    client.event("stopped")
    assert client.line() == 2


def test_a_program_is_over_once_it_has_terminated(client: Client, program: Write) -> None:
    client.launch(program("main.lua", "local a = 1\n"))
    client.request("configurationDone")
    client.event("terminated")
    with pytest.raises(RequestFailed, match="stopAtEnd"):
        client.request("stepBack", threadId=1)


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Length: x\r\n\r\n{}",
        b"Content-Length: 99999999999\r\n\r\n",
        b"Content-Length: 2\r\nContent-Type: text/plain\r\n\r\n{}",
        b"Content-Length: 3\r\n\r\n{x}",
        b"Content-Length: 2\r\n\r\n[]",
        b"\r\n\r\n",
        b"a" * 5000,
    ],
)
def test_bytes_that_are_not_the_protocol_end_the_session(
    adapter: tuple["subprocess.Popen[bytes]", Client], data: bytes
) -> None:
    process, client = adapter
    os.write(client.write_fd, data)
    assert process.wait(60) == 0
    assert os.read(client.read_fd, 100) == b""


def test_messages_that_are_no_requests_are_passed_over(client: Client) -> None:
    for body in (b"{}", b'{"type":"response"}', b'{"type":"request","command":7,"seq":1}'):
        os.write(client.write_fd, b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    assert client.request("initialize")["supportsStepBack"]


def test_a_session_ends_with_its_standard_input(adapter: tuple["subprocess.Popen[bytes]", Client]) -> None:
    process, client = adapter
    client.launch(Path("x.lua"), text="while true do end")
    client.request("configurationDone")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(60) == 0


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server("dap", "--listen", "127.0.0.1:0")
    yield one
    one.close()


def test_a_port_serves_one_client_after_the_other(server: Server, program: Write) -> None:
    path = program("main.lua", "local a = 1\nprint(a)\n")
    for _ in range(2):
        with server.connect() as connection:
            client = Client(connection.fileno(), connection.fileno())
            client.begin(path)
            client.move("next")
            assert client.line() == 2
            client.finish()
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.recv(100) == b""
    with server.connect() as connection:
        client = Client(connection.fileno(), connection.fileno())
        client.begin(path)
        connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:x", "127.0.0.1:99999"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    from engine.debug.serving import parse_address
    from engine.errors import CommandError

    with pytest.raises(CommandError):
        parse_address(address)


def test_without_a_host_only_this_computer_can_connect() -> None:
    from engine.debug.serving import parse_address

    assert parse_address("4711") == ("127.0.0.1", 4711)
    assert parse_address("[::1]:4711") == ("::1", 4711)
    assert parse_address("0.0.0.0:0") == ("0.0.0.0", 0)
