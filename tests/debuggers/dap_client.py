"""A Debug Adapter Protocol client: framing by hand over a subprocess's standard streams or a socket."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: A test that waits longer has failed; nothing is measured by it.
PATIENCE_S = 20


class RequestFailed(Exception):
    """The adapter answered `success: false`; `body` is what came with it."""

    def __init__(self, message: str, body: Any) -> None:
        super().__init__(message)
        self.body = body


class Client:
    """Requests and events in order. `read_fd` and `write_fd` are blocking."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.read_fd, self.write_fd = read_fd, write_fd
        self.number = 0
        self.buffer = b""
        self.events: list[dict[str, Any]] = []
        self.responses: dict[int, dict[str, Any]] = {}
        self.output: list[tuple[str, str]] = []
        self.last_seq = 0

    def send(self, command: str, **arguments: Any) -> int:
        self.number += 1
        body = json.dumps({"seq": self.number, "type": "request", "command": command, "arguments": arguments}).encode()
        os.write(self.write_fd, b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return self.number

    def receive(self) -> None:
        """Take in one message."""
        while True:
            header, separator, rest = self.buffer.partition(b"\r\n\r\n")
            if separator:
                name, _, value = header.partition(b": ")
                assert name == b"Content-Length", header
                if len(rest) >= int(value):
                    message = json.loads(rest[: int(value)])
                    self.buffer = rest[int(value) :]
                    break
            assert select.select([self.read_fd], [], [], PATIENCE_S)[0], "no answer"
            data = os.read(self.read_fd, 1 << 16)
            if not data:
                raise EOFError
            self.buffer += data
        assert message["seq"] > self.last_seq
        self.last_seq = message["seq"]
        if message["type"] == "response":
            self.responses[message["request_seq"]] = message
        else:
            assert message["type"] == "event"
            if message["event"] == "output":
                self.output.append((message["body"]["category"], message["body"]["output"]))
            else:
                self.events.append(message)

    def response(self, number: int) -> Any:
        while number not in self.responses:
            self.receive()
        message = self.responses.pop(number)
        if not message["success"]:
            raise RequestFailed(message["message"], message.get("body"))
        return message.get("body")

    def request(self, command: str, **arguments: Any) -> Any:
        return self.response(self.send(command, **arguments))

    def event(self, *names: str) -> dict[str, Any]:
        """The next event of one of these names; others before it are kept."""
        while True:
            for n, event in enumerate(self.events):
                if event["event"] in names:
                    return self.events.pop(n)
            self.receive()

    # -- what tests ask for again and again --------------------------------------------------------------------------

    def launch(self, program: Path, **arguments: Any) -> Any:
        capabilities = self.request("initialize", adapterID="glassbox", linesStartAt1=True)
        self.request("launch", program=str(program), **arguments)
        self.event("initialized")
        return capabilities

    def begin(self, program: Path, **arguments: Any) -> None:
        """Launch and stand at the program's first instruction."""
        self.launch(program, stopOnEntry=True, **arguments)
        self.request("configurationDone")
        assert self.event("stopped")["body"]["reason"] == "entry"

    def move(self, command: str, **arguments: Any) -> dict[str, Any]:
        """A motion and where it ended: the body of `stopped`, or of `exited`."""
        self.request(command, threadId=self.thread(), **arguments)
        return self.event("stopped", "exited")["body"]

    def thread(self) -> int:
        return self.request("threads")["threads"][0]["id"]

    def stack(self) -> list[dict[str, Any]]:
        return self.request("stackTrace", threadId=self.thread())["stackFrames"]

    def line(self) -> int:
        return self.stack()[0]["line"]

    def tick(self) -> int:
        return int(self.request("evaluate", expression="tick")["result"])

    def scope(self, name: str, level: int = 0) -> dict[str, Any]:
        frame = self.stack()[level]["id"]
        return next(s for s in self.request("scopes", frameId=frame)["scopes"] if s["name"] == name)

    def variables(self, reference: int, **page: Any) -> dict[str, dict[str, Any]]:
        return {v["name"]: v for v in self.request("variables", variablesReference=reference, **page)["variables"]}

    def values(self, scope: str, level: int = 0) -> dict[str, str]:
        found = self.variables(self.scope(scope, level)["variablesReference"])
        return {name: v["value"] for name, v in found.items()}

    def printed(self, category: str = "stdout") -> str:
        return "".join(text for of, text in self.output if of == category)

    def finish(self) -> None:
        self.request("disconnect")


def start_adapter() -> tuple[subprocess.Popen[bytes], Client]:
    """An adapter on its standard streams."""
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", "dap"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    return process, Client(process.stdout.fileno(), process.stdin.fileno())
