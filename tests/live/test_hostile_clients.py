"""Clients that misbehave are refused or cut off with a reason; everybody else does not notice."""

from __future__ import annotations

import contextlib
import socket
import struct
import zlib

import pytest

from engine.wire import MAX_COMMAND_BYTES
from tests.live.rawclient import BINARY, CLOSE, PING, TEXT, RawClient, frame

MEGABYTE = 1 << 20


def test_a_browser_that_does_not_read_is_cut_off(start_server):
    server = start_server(unread_s=1)
    with server.connect(receive_buffer=4096) as client:
        client.ask("stream", frames=1_000_000, bytes=16384)
        server.wait_for_sessions(1)
        server.wait_for_sessions(0)
    assert "Traceback" not in server.log


def test_a_flood_of_commands_is_cut_off_and_fills_no_memory(server):
    before = server.resident_bytes()
    with server.connect() as client:
        client.ask("stall")
        block = frame(TEXT, b'{"v": 1, "id": 1, "do": "inspect", "query": {"kind": "' + b"x" * 1000 + b'"}}') * 64
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 400 * MEGABYTE:
                client.socket.sendall(block)
                sent += len(block)
        assert sent < 400 * MEGABYTE
    server.wait_for_sessions(0)
    assert server.resident_bytes() - before < 40 * MEGABYTE


def test_one_command_too_many_ends_the_session_with_a_reason(server):
    with server.connect() as client:
        client.ask("stall")
        client.ask("echo")  # the relay waits for the worker with this one
        for _ in range(100):
            client.ask("echo")
        _, close = client.until_close()
        assert (close.close_code, close.payload[2:]) == (1008, b"too many commands are waiting")


def test_commands_beyond_the_rate_wait_and_are_all_carried_out(start_server):
    server = start_server(commands_per_s=40, inbox_messages=200)
    with server.connect() as client:
        for _ in range(120):
            client.ask("echo")
        for _ in range(120):
            assert client.message().event["event"] == "inspected"
    assert "Traceback" not in server.log


def test_compression_is_not_negotiated(server):
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
    with server.connect(headers=offer) as client:
        assert client.status == 101
        assert "sec-websocket-extensions" not in client.headers


def test_a_compressed_bomb_is_refused_unopened(server):
    packer = zlib.compressobj(9, wbits=-15)
    bomb = packer.compress(bytes(128 * MEGABYTE)) + packer.flush(zlib.Z_SYNC_FLUSH)
    before = server.resident_bytes()
    with server.connect(headers={"Sec-WebSocket-Extensions": "permessage-deflate"}) as client:
        client.send_frame(TEXT, bomb[:-4], rsv=4)
        assert client.until_close()[1].close_code == 1002
    assert server.resident_bytes() - before < 40 * MEGABYTE


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_that_is_too_long_is_refused(server, opcode):
    with server.connect() as client:
        client.send_frame(opcode, b"x" * (MAX_COMMAND_BYTES + 1))
        assert client.until_close()[1].close_code == 1009


def test_a_message_in_too_many_pieces_is_refused_at_the_same_length(server):
    with server.connect() as client, contextlib.suppress(ConnectionError):
        client.send_frame(TEXT, b"x" * 1000, fin=False)
        for _ in range(MAX_COMMAND_BYTES // 10_000 + 20):
            client.send_frame(0, b"x" * 10_000, fin=False)
    with server.connect() as client:
        client.send_frame(TEXT, b"x" * (MAX_COMMAND_BYTES // 2 + 1), fin=False)
        client.send_frame(0, b"x" * (MAX_COMMAND_BYTES // 2 + 1), fin=False)
        assert client.until_close()[1].close_code == 1009


def test_a_frame_that_promises_more_than_it_sends_is_given_up(start_server):
    server = start_server(message_s=0.5)
    with server.connect() as client:
        client.socket.sendall(struct.pack("!BBQ", 0x81, 0xFF, 1 << 62) + bytes(4))
        close = client.until_close()[1]
        assert (close.close_code, close.payload[2:]) == (1008, b"a message took too long to arrive")


def test_a_message_that_trickles_in_is_given_up_although_pings_are_sent(start_server):
    server = start_server(message_s=0.5)
    with server.connect() as client:
        client.send_frame(TEXT, b"{", fin=False)
        client.send_frame(PING, b"still here")
        assert client.until_close()[1].close_code == 1008


def test_a_peer_that_answers_no_ping_is_given_up(start_server):
    server = start_server(ping_s=0.2)
    with server.connect() as client:
        received = client.frame()
        while received.opcode == PING:
            received = client.frame()
        assert received.close_code == 1008


MALFORMED = {
    "an unmasked frame": (frame(TEXT, b"{}", mask=False), 1002),
    "a reserved bit": (frame(TEXT, b"{}", rsv=1), 1002),
    "an unknown opcode": (frame(3, b""), 1002),
    "an unknown control opcode": (frame(11, b""), 1002),
    "a ping in pieces": (frame(PING, b"", fin=False), 1002),
    "a ping that is too long": (frame(PING, b"x" * 126), 1002),
    "a continuation of nothing": (frame(0, b"x"), 1002),
    "a new message inside another": (frame(TEXT, b"x", fin=False) + frame(TEXT, b"x"), 1002),
    "text that is not UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "a close frame of one byte": (frame(CLOSE, b"\x03"), 1002),
    "a close code that means nothing": (frame(CLOSE, struct.pack("!H", 999)), 1002),
    "a length in too many bytes": (struct.pack("!BBH", 0x81, 0xFE, 5) + bytes(4) + b"hello", 1002),
    "a binary message": (frame(BINARY, b"\x00"), 1003),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_input_is_answered_with_a_close_code(server, case):
    data, code = MALFORMED[case]
    with server.connect() as client:
        client.socket.sendall(data)
        assert client.until_close()[1].close_code == code
        assert client.is_ended()


def test_a_reset_in_the_middle_of_a_stream_leaves_no_traceback(start_server):
    server = start_server()
    for _ in range(5):
        client = server.connect(receive_buffer=4096)
        client.ask("stream", frames=100_000, bytes=16384)
        client.message()
        client.reset()
    server.wait_for_sessions(0)
    assert "Traceback" not in server.log
    assert "Error" not in server.log


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.example", "http://127.0.0.1", "http://127.0.0.1:1", "file://127.0.0.1", "//[9\\]"],
)
def test_a_page_of_another_origin_is_refused_before_the_upgrade(server, origin):
    with server.connect(origin=origin) as client:
        assert client.status == 403


def test_an_origin_of_the_allow_list_is_let_in(start_server):
    server = start_server(origins="https://learn.example.org, https://b.example")
    with server.connect(origin="https://learn.example.org") as client:
        assert client.status == 101
    with server.connect(origin="https://learn.example.org.evil.example") as client:
        assert client.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Key": ""},
        {"Upgrade": ""},
    ],
)
def test_a_handshake_that_is_none_is_refused(server, headers):
    with server.connect(headers=headers) as client:
        assert client.status == 400


def test_clients_that_never_close_stall_nobody(server):
    pids = server.web_pids()
    sockets = [server.connect() for _ in range(20)]
    for client in sockets:
        client.socket.sendall(frame(3, b""))
    for _ in range(20):
        server.raw(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert server.get("/health", timeout_s=10)[0] == 200
    server.wait_for_sessions(0)
    assert server.web_pids() == pids


HALF_SENT = {
    "half a head": b"GET / HTTP/1.1\r\nHost: ",
    "no body": b"POST /api/links HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n",
}


@pytest.mark.parametrize("case", HALF_SENT)
def test_half_sent_requests_do_not_keep_the_threads(start_server, case):
    server = start_server(sessions=1, spare_threads=3, request_s=1)
    for _ in range(4):
        server.raw(HALF_SENT[case])
    assert server.get("/health")[0] == 200
    assert "Traceback" not in server.log


def test_a_request_that_trickles_in_is_given_up(start_server):
    server = start_server(sessions=1, spare_threads=2, request_s=1)
    slow = [server.raw(b"POST /api/links HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n") for _ in range(3)]
    ended = 0
    while ended < len(slow):  # each sends on as long as it may
        for connection in slow:
            try:
                connection.sendall(b"x")
            except OSError:
                ended += 1
        ended = sum(is_over(connection) for connection in slow)
    assert server.get("/health")[0] == 200


def is_over(connection):
    with contextlib.suppress(BlockingIOError):
        try:
            return not connection.recv(65536, socket.MSG_DONTWAIT)
        except ConnectionError:
            return True
    return False


def test_answers_that_nobody_reads_do_not_keep_the_threads(start_server):
    server = start_server(sessions=1, spare_threads=3, request_s=1)
    many = b"GET /examples HTTP/1.1\r\nHost: x\r\n\r\n" * 400
    for _ in range(5):
        server.raw(many)
    assert server.get("/health")[0] == 200
    assert "Traceback" not in server.log


def test_connections_that_want_to_go_on_and_do_not_say_with_what_do_not_keep_the_threads(start_server):
    server = start_server(sessions=1, spare_threads=4, message_s=300)
    for _ in range(12):
        server.connect(path="/live?resume")
    assert server.get("/health")[0] == 200


def test_whoever_comes_when_all_places_are_taken_is_told_and_pages_are_still_served(start_server):
    server = start_server(sessions=3, spare_threads=4)
    inside = [server.connect() for _ in range(3)]
    server.wait_for_sessions(3)
    for _ in range(6):
        with server.connect() as outside:
            events, close = outside.until_close()
            assert [e.event["reason"] for e in events] == ["busy"]
            assert close.close_code == 1013
    assert server.get("/health")[0] == 200
    inside[0].close()
    server.wait_for_sessions(2)
    with server.connect() as next_one:
        next_one.ask("echo")
        assert next_one.message().event["event"] == "inspected"


def test_one_address_does_not_take_all_places(start_server):
    server = start_server(sessions=8, sessions_per_address=1)
    with server.connect() as first:
        first.ask("echo")
        assert first.message().event["event"] == "inspected"
        with server.connect() as second:
            events, close = second.until_close()
            assert events[0].event["reason"] == "address"
            assert close.close_code == 1013


def test_a_crowd_of_refused_browsers_does_not_keep_the_threads(start_server):
    server = start_server(sessions=1, spare_threads=4)
    with server.connect() as inside:
        inside.ask("echo")
        inside.message()
        outside: list[RawClient] = [server.connect() for _ in range(30)]
        assert server.get("/health")[0] == 200
        for client in outside:
            assert client.until_close()[1].close_code == 1013
