"""What exists is documented: commands, events, opcodes, settings, make targets, examples, command-line rooms."""

import re
from pathlib import Path

from engine.rooms import ROOMS
from engine.wire import COMMANDS, EVENTS, RELAY_COMMANDS

ROOT = Path(__file__).resolve().parents[2]


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_command_and_event_has_its_row_in_the_protocol() -> None:
    text = page("docs/protocol.md")
    for item in (*COMMANDS, *RELAY_COMMANDS, *EVENTS):
        assert f"| `{item.name}` |" in text, item.name
        assert item.help


def test_every_opcode_has_its_entry() -> None:
    from engine.lua.opcodes import OPCODES

    text = page("docs/opcodes.md")
    assert len(OPCODES) == 83
    for op in OPCODES:
        assert op.name in text, op.name


def test_every_room_has_its_part_in_the_command_line_page_and_the_views_page() -> None:
    for name in ("docs/cli.md", "docs/views.md"):
        headings = [line.lower() for line in page(name).splitlines() if line.startswith("#")]
        for room in ROOMS:
            assert any(room.name in h for h in headings), f"{name} has no heading for {room.name}"


def test_the_front_door_is_two_commands_and_every_target_says_what_it_does() -> None:
    makefile = page("Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert targets == explained
    first_screen = page("README.md")[:3000]
    assert "make run" in first_screen
    assert "make test" in first_screen


def test_the_docs_link_only_to_what_exists() -> None:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        prose = re.sub(r"`[^`\n]*`", "", path.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_requirements_are_pinned() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-node.txt"):
        for line in page(name).splitlines():
            if line and not line.startswith(("#", "-r ")):
                assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][^ ]*", line), f"{name}: {line}"


def test_the_lock_file_names_no_registry() -> None:
    assert "http" not in re.sub(r'"(funding|url|type)": [^\n]*', "", page("static/package-lock.json"))
