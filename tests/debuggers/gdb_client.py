"""A gdbserver of ours, a real gdb in batch mode, and a client that speaks packets by hand."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60
#: Printed by gdb between the commands, to tell their outputs apart.
MARK = "-- next command --"


class Server:
    """A server process; `port` is where it listens."""

    def __init__(self, command: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "engine", command, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", line)
        assert found, line + self.process.stderr.read()
        self.port = int(found.group(1))

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


def gdb(port: int, *commands: str) -> list[str]:
    """What gdb prints for each command, after it has attached."""
    script = ["set pagination off", "set confirm off", "set width 0", f"target remote 127.0.0.1:{port}"]
    for command in commands:
        script += [f"echo {MARK}\\n", command]
    arguments = [part for line in script for part in ("-ex", line)]
    done = subprocess.run(
        ["gdb", "-nx", "-batch", *arguments, "-ex", f"echo {MARK}\\n"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    said = done.stdout.split(MARK + "\n")
    assert len(said) == len(commands) + 2, done.stdout
    return [text.strip() for text in said[1:-1]]


class Packets:
    """The remote protocol by hand."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.stream = connection.makefile("rb")

    def send(self, data: bytes) -> None:
        self.connection.sendall(b"$%s#%02x" % (data, sum(data) & 0xFF))

    def receive(self) -> bytes:
        """The next packet; acknowledgements are read over."""
        while True:
            byte = self.stream.read(1)
            if not byte:
                raise EOFError
            if byte == b"$":
                break
            assert byte == b"+", byte
        data = bytearray()
        while (byte := self.stream.read(1)) != b"#":
            data += byte
        assert int(self.stream.read(2), 16) == sum(data) & 0xFF
        self.connection.sendall(b"+")
        return bytes(data)

    def ask(self, data: bytes) -> bytes:
        self.send(data)
        return self.receive()

    def close(self) -> None:
        self.stream.close()
        self.connection.close()
