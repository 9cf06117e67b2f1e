"""Share links: what they may hold, that they are kept, and that the same program has one link only."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from app.settings import ROOT, Settings
from app.store import ID_LENGTH, Store, is_id, new_id
from engine.errors import CommandError, HostUnavailable, LimitExceeded


def test_a_saved_program_is_read_back_whole(store, payload):
    saved = store.save(payload)
    assert store.load(saved.id) == saved
    assert saved.payload == payload


def test_what_is_left_out_gets_its_default(store):
    saved = store.save({"v": 1, "room": "x86", "files": [{"name": "main.asm", "text": "hlt"}]})
    assert saved.payload == {
        "v": 1,
        "room": "x86",
        "files": [{"name": "main.asm", "text": "hlt"}],
        "options": {},
        "tick": 0,
    }


def test_the_same_content_has_the_same_link_whatever_the_order_of_its_fields(store, payload):
    first = store.save(payload)
    assert store.save(dict(reversed(payload.items()))).id == first.id
    assert store.save({**payload, "tick": 13}).id != first.id


def test_many_writers_of_one_program_get_one_link(settings, payload):
    stores = [Store(settings) for _ in range(4)]
    ids: list[str] = []
    threads = [threading.Thread(target=lambda s=s: ids.append(s.save(payload).id)) for s in stores for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 12
    assert len(set(ids)) == 1
    for store in stores:
        store.close()


def test_ids_are_long_random_and_plain():
    ids = {new_id() for _ in range(2000)}
    assert len(ids) == 2000
    assert all(len(link_id) == ID_LENGTH and link_id.isalnum() and is_id(link_id) for link_id in ids)
    assert {link_id[-1] for link_id in ids} > set("09AZaz")


@pytest.mark.parametrize("text", ["", "a", "x" * 17 + "y", "x" * 16 + "-", "x" * 16 + "é", "../../etc/passwd!"])
def test_what_cannot_be_an_id_is_no_link(store, text):
    assert not is_id(text)
    assert store.load(text) is None


BAD = {
    "a link is a JSON object": [1],
    "a link has no field 'extra'": {"extra": 1},
    "`v` must be 1": {"v": 2},
    "`room` must be": {"room": 3},
    "there is no machine 'z80'": {"room": "z80"},
    "`files` must be a list of 1 to 16 files": {"files": []},
    "each of `files` must be {name, text}": {"files": [{"name": "a.lua", "text": "", "mode": 1}]},
    "a file's name": {"files": [{"name": "../x", "text": ""}]},
    "a file's `text`": {"files": [{"name": "x", "text": None}]},
    "two files are called 'x'": {"files": [{"name": "x", "text": ""}, {"name": "x", "text": "2"}]},
    "`options` must be an object": {"options": []},
    "Lua 5.4 has no option 'cpu'": {"options": {"cpu": "kvm"}},
    "`input` must be a list": {"input": {"text": "x"}},
    "each of `input` must be": {"input": [{"text": "x", "more": 1}]},
    "`text` must be a text": {"input": [{"text": 1}]},
    "`notes` must be a list of at most 64": {"notes": [{"tick": n, "text": "x"} for n in range(65)]},
    "each of `notes` must be {tick, text, pane?}": {"notes": [{"tick": 1, "text": "x", "html": "<b>"}]},
    "a note's `pane` is one of": {"notes": [{"tick": 1, "text": "x", "pane": "window"}]},
    "`focus` must be {from, to, name}": {"focus": {"from": 1, "to": 2}},
    "`focus` must end after": {"focus": {"from": 5, "to": 5, "name": ""}},
    "the name of `focus` has at most 40": {"focus": {"from": 1, "to": 2, "name": "x" * 41}},
    "a note has 1 to 500 characters": {"notes": [{"tick": 1, "text": "x" * 501}]},
    "`notes` go by their ticks": {"notes": [{"tick": 3, "text": "x"}, {"tick": 3, "text": "y"}]},
    "`tick` must be a whole number": {"tick": -1},
    "`tick` must be a whole number from 0 to 9007199254740991": {"tick": True},
    "`panes` must be a list": {"panes": "all"},
    "a pane's name": {"panes": ["<b>"]},
    "each of `breakpoints`": {"breakpoints": [{"line": 1, "where": 2}]},
    "`line` must be": {"breakpoints": [{"line": "1"}]},
    "a breakpoint's `file`": {"breakpoints": [{"line": 1, "file": "/etc"}]},
    "`breakpoints` must be a list of at most 256": {"breakpoints": [{"line": 1}] * 257},
    "half a character": {"files": [{"name": "x", "text": "\ud800"}]},
}


@pytest.mark.parametrize("words", BAD)
def test_a_bad_link_is_refused_with_the_name_of_what_is_wrong(store, payload, words):
    change = BAD[words]
    data = {**payload, **change} if isinstance(change, dict) else change
    with pytest.raises(CommandError) as refused:
        store.save(data)
    assert words in refused.value.message


def test_a_focus_window_is_kept_with_the_link(store, payload):
    focus = {"from": 3, "to": 9, "name": "第一圈"}
    assert store.load(store.save({**payload, "focus": focus}).id).payload["focus"] == focus


def test_notes_are_kept_with_the_link(store, payload):
    notes = [{"tick": n, "text": "世" * 500, **({"pane": "heap"} if n == 2 else {})} for n in range(1, 5)]
    assert store.load(store.save({**payload, "notes": notes}).id).payload["notes"] == notes


def test_an_option_must_have_one_of_its_values(store):
    program = {"v": 1, "room": "x86", "files": [{"name": "main.asm", "text": "hlt"}]}
    assert store.save({**program, "options": {"cpu": "unicorn"}}).payload["options"] == {"cpu": "unicorn"}
    for value in ("z80", ["unicorn"], None, {}):
        with pytest.raises(CommandError, match="`cpu` must be one of auto, kvm, unicorn"):
            store.save({**program, "options": {"cpu": value}})


def test_a_program_of_more_than_64_kib_is_refused_and_one_of_less_is_kept(store, payload):
    payload["files"] = [{"name": "main.lua", "text": "世" * 21000}]
    assert store.load(store.save(payload).id)
    payload["files"] = [{"name": "main.lua", "text": "世" * 22000}]
    with pytest.raises(LimitExceeded, match="the limit is 65,536") as refused:
        store.save(payload)
    assert refused.value.limit == "link_bytes"


def test_the_database_flushes_every_commit(store):
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HostUnavailable) as refused:
        Store(Settings(data_dir=str(tmp_path / "file" / "data")))
    assert str(tmp_path / "file" / "data") in (refused.value.hint or "")


def test_while_another_process_keeps_the_database_locked_saving_waits(settings, store, payload):
    other = sqlite3.connect(settings.data_path / "links.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    saved = []
    writer = threading.Thread(target=lambda: saved.append(store.save(payload)))
    writer.start()
    writer.join(0.2)
    assert not saved
    other.execute("COMMIT")
    other.close()
    writer.join()
    assert store.load(saved[0].id) == saved[0]


WRITER = """
import sys
from app.settings import Settings
from app.store import Store
store = Store(Settings(data_dir=sys.argv[1]))
number = 0
while True:
    program = {"v": 1, "room": "lua", "files": [{"name": "main.lua", "text": f"{sys.argv[2]} {number}" + "x" * 1000}]}
    print(store.save(program).id, number, flush=True)
    number += 1
"""


def test_no_acknowledged_link_is_lost_when_the_writer_is_killed(tmp_path: Path):
    """The short form: rounds of kill -9 at whatever the writer is doing; the long form is `make soak`."""
    acknowledged: dict[str, str] = {}
    for round_ in range(4):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(round_)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(30 + 17 * round_):
                link_id, number = writer.stdout.readline().split()
                acknowledged[link_id] = f"{round_} {number}"
            os.kill(writer.pid, signal.SIGKILL)
            lines = writer.stdout.read().splitlines()
            acknowledged.update({i: f"{round_} {n}" for i, n in (x.split() for x in lines if len(x.split()) == 2)})
    store = Store(Settings(data_dir=str(tmp_path)))
    for link_id, words in acknowledged.items():
        kept = store.load(link_id)
        assert kept is not None
        assert kept.payload["files"][0]["text"].startswith(words + "x")
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    store.close()
    assert len(acknowledged) >= 4 * 30


def test_a_database_that_is_away_is_an_error_with_a_hint(settings, payload):
    store = Store(settings)
    saved = store.save(payload)
    store.engine.dispose()
    (settings.data_path / "links.sqlite").unlink()
    for suffix in ("-wal", "-shm"):
        (settings.data_path / f"links.sqlite{suffix}").unlink(missing_ok=True)
    assert not store.is_up()
    with pytest.raises(HostUnavailable, match="cannot be read now"):
        store.load(saved.id)
    with pytest.raises(HostUnavailable, match="cannot be stored now"):
        store.save(payload)
    store.close()


def test_a_full_disk_is_an_error_and_reading_goes_on(settings, payload):
    store = Store(replace(settings, link_bytes=1 << 20))
    saved = store.save(payload)
    with store.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    big = {**payload, "files": [{"name": "main.lua", "text": "x" * 200_000}]}
    with pytest.raises(HostUnavailable, match="cannot be stored now"):
        store.save(big)
    assert store.load(saved.id) == saved
    store.close()


def test_stored_links_are_canonical_json(settings, store, payload):
    saved = store.save(payload)
    with sqlite3.connect(settings.data_path / "links.sqlite") as connection:
        ((body,),) = connection.execute("SELECT payload FROM links WHERE id = ?", (saved.id,)).fetchall()
    connection.close()
    assert body == json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def test_a_link_keeps_an_executable_and_refuses_what_is_no_base64(store):
    file = {"name": "program", "text": "; an executable", "base64": "f0VMRg=="}
    saved = store.save({"v": 1, "room": "x86", "files": [file]})
    assert store.load(saved.id).payload["files"] == [file]
    with pytest.raises(CommandError, match="not base64"):
        store.save({"v": 1, "room": "x86", "files": [{**file, "base64": "no!"}]})
