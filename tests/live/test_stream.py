"""What reaches a browser is what was sent, however slowly it reads and whatever else is on the line."""

from __future__ import annotations

import time

from tests.live.rawclient import BINARY, PING, PONG
from tests.live.stand_in import stream_frame


def test_a_slow_reader_gets_every_byte(server):
    with server.connect(receive_buffer=4096) as client:
        client.ask("stream", frames=800, bytes=16384)
        for number in range(800):
            received = client.message(piece=3001)
            assert received.opcode == BINARY
            assert received.payload == stream_frame(number, 16384)
            if number % 40 == 0:
                time.sleep(0.01)


def test_frames_of_a_megabyte_arrive_whole(server):
    with server.connect(receive_buffer=65536) as client:
        client.ask("stream", frames=6, bytes=1 << 20)
        for number in range(6):
            assert client.message(piece=50001).payload == stream_frame(number, 1 << 20)


def test_pings_of_the_server_do_not_tear_a_stream(start_server):
    server = start_server(ping_s=0.05)
    number = 0
    with server.connect(receive_buffer=4096) as client:
        for _ in range(40):
            client.ask("stream", frames=20, bytes=16384)
            expected, pinged = 20, False
            while expected or not pinged:
                received = client.frame(piece=3001)
                if received.opcode == PING:
                    pinged = True
                    client.send_frame(PONG, received.payload)
                else:
                    assert received.payload == stream_frame(20 - expected, 16384)
                    expected -= 1
                    number += 1
    assert number == 800


def test_pings_of_the_browser_are_answered_between_the_frames(server):
    """The stream is always blocked in the middle of a frame when the pings arrive: nobody reads until they are sent."""
    with server.connect(receive_buffer=4096) as client:
        client.ask("stream", frames=60, bytes=500_000)
        for number in range(60):
            for _ in range(5):
                client.send_frame(PING, str(number).encode())
            received = client.frame(piece=20_011)
            while received.opcode == PONG:
                received = client.frame(piece=20_011)
            assert received.payload == stream_frame(number, 500_000)
        client.send_frame(PING, b"last")
        received = client.frame()
        while received.payload != b"last":
            received = client.frame()
            assert received.opcode == PONG


def test_events_and_trace_frames_keep_their_kind(server):
    with server.connect() as client:
        client.ask("echo")
        assert client.message().event == {"v": 1, "re": 1, "event": "inspected"}
        client.ask("stream", frames=1, bytes=100)
        assert client.message().opcode == BINARY


def test_commands_arrive_in_order_whichever_thread_passes_them_on(server):
    long = "x" * 5000  # too long to be passed on at once
    with server.connect() as client:
        for number in range(300):
            query = {"kind": "echo", "text": long if number % 7 == 3 else ""}
            client.command("inspect", number, query=query)
            if number % 50 == 49:
                answers = [client.message().event["re"] for _ in range(50)]
                assert answers == list(range(number - 49, number + 1))
