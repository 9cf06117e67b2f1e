"""A reader can hold every file and function in mind; the exceptions are named and may only shrink."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_FILE = 650
MAX_FUNCTION = 70
#: Files that are one table or the one dispatch loop.
TABLES = {"engine/lua/opcodes.py", "engine/lua/core/vm_loop.h"}
FILES = [
    p
    for top in ("engine", "app", "static/js", "static/css", "tests", "scripts")
    for p in sorted((ROOT / top).rglob("*"))
    if p.suffix in (".py", ".c", ".h", ".js", ".css", ".S") and "_gen" not in p.name and "/gen/" not in p.as_posix()
]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_file_is_one_thing(path: Path) -> None:
    if path.relative_to(ROOT).as_posix() in TABLES:
        return
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_FILE, f"{lines} lines"


@pytest.mark.parametrize("path", [p for p in FILES if p.suffix == ".py"], ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_function_fits_on_a_screen(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION, f"{node.name} has {length} lines"
