"""A WebSocket client that checks every byte it gets, and can misbehave in every way that a test asks for."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
OPCODES = {0, TEXT, BINARY, CLOSE, PING, PONG}
#: Long enough for any loaded machine; no test waits for it unless something is broken.
DEADLINE_S = 30.0


class BrokenStream(AssertionError):
    """The bytes from the server are no WebSocket frames."""


@dataclass(frozen=True)
class Received:
    opcode: int
    payload: bytes

    @property
    def event(self) -> dict[str, Any]:
        assert self.opcode == TEXT, self
        data = json.loads(self.payload)
        assert isinstance(data, dict)
        return data

    @property
    def close_code(self) -> int:
        assert self.opcode == CLOSE, self
        return int(struct.unpack("!H", self.payload[:2])[0])


class RawClient:
    """One connection. `status` is the answer to the handshake, `headers` its headers in lower case."""

    def __init__(
        self,
        port: int,
        *,
        origin: str | None = "same",
        headers: dict[str, str] | None = None,
        receive_buffer: int | None = None,
        path: str = "/live",
    ) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(DEADLINE_S)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        self._buffer = bytearray()
        host = f"127.0.0.1:{port}"
        fields = {
            "Host": host,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        }
        if origin:
            fields["Origin"] = f"http://{host}" if origin == "same" else origin
        fields.update(headers or {})
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value), "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        self.status = int(head[0].split()[1])
        self.headers = {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in head[1:] if line}

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._fill(4096)
        end = self._buffer.index(mark) + len(mark)
        taken = bytes(self._buffer[:end])
        del self._buffer[:end]
        return taken

    def _fill(self, size: int) -> None:
        data = self.socket.recv(size)
        if not data:
            raise EOFError("the server closed the connection")
        self._buffer += data

    def _exactly(self, count: int, piece: int) -> bytes:
        while len(self._buffer) < count:
            self._fill(piece)
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    # Sending

    def send_frame(self, opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0, mask: bool = True) -> None:
        self.socket.sendall(frame(opcode, payload, fin=fin, rsv=rsv, mask=mask))

    def command(self, do: str, number: int = 1, **arguments: Any) -> None:
        message = {"v": 1, "id": number, "do": do, **arguments}
        self.send_frame(TEXT, json.dumps(message).encode())

    def ask(self, kind: str, **query: Any) -> None:
        """Tell the stand-in worker what to do."""
        self.command("inspect", query={"kind": kind, **query})

    # Receiving

    def frame(self, piece: int = 65536) -> Received:
        """The next frame, whatever it is. EOFError when the server closed the connection."""
        first, second = self._exactly(2, piece)
        if first & 0x70 or second & 0x80 or (first & 0x0F) not in OPCODES or not first & 0x80:
            raise BrokenStream(f"not a frame of our server: {first:#x} {second:#x}")
        length = second & 0x7F
        if length == 126:
            length = struct.unpack("!H", self._exactly(2, piece))[0]
        elif length == 127:
            length = struct.unpack("!Q", self._exactly(8, piece))[0]
        if length > 1 << 24:
            raise BrokenStream(f"a frame of {length} bytes")
        return Received(first & 0x0F, self._exactly(length, piece))

    def message(self, piece: int = 65536) -> Received:
        """The next frame that is no ping; pings are answered. TimeoutError when for long nothing else comes."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            received = self.frame(piece)
            if received.opcode == PING:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"nothing but pings for {DEADLINE_S} s")
                self.send_frame(PONG, received.payload)
            elif received.opcode != PONG:
                return received

    def until_close(self) -> tuple[list[Received], Received]:
        """All messages up to the close frame, and the close frame, which is answered as browsers do."""
        before = []
        while True:
            received = self.message()
            if received.opcode == CLOSE:
                with contextlib.suppress(OSError):
                    self.send_frame(CLOSE, received.payload[:2])
                return before, received
            before.append(received)

    def is_ended(self) -> bool:
        """Wait for the end of the connection; False if bytes come instead."""
        try:
            return not self._buffer and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def reset(self) -> None:
        """Break the connection off with an RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def frame(opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0, mask: bool = True) -> bytes:
    """One frame as bytes; masked with zeros, which is as good as any mask for a test and costs nothing."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, bit | len(payload))
    elif len(payload) < 1 << 16:
        head = struct.pack("!BBH", first, bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, bit | 127, len(payload))
    return head + (bytes(4) if mask else b"") + payload
