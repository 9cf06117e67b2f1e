"""Data flows one way: nobody imports upwards, and only a machine's own folder knows the machine's name."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: (path prefix, rank), first match wins; docs/ARCHITECTURE.md says what each rank is.
RANKS = (
    ("engine/errors.py", 0),
    ("engine/callfilter.py", 0),
    ("engine/events.py", 0),
    ("engine/trace.py", 0),
    ("engine/machine.py", 0),
    ("engine/debugview.py", 0),
    ("engine/wire.py", 0),
    ("engine/debugview.py", 0),
    ("engine/__init__.py", 0),
    ("engine/cbuild.py", 1),
    ("engine/tracegen.py", 1),
    ("engine/pages/", 1),
    ("engine/lua/room.py", 2),
    ("engine/lua/cli.py", 2),
    ("engine/lua/machine", 2),
    ("engine/lua/debug.py", 2),
    ("engine/lua/core/", 2),
    ("engine/lua/", 1),
    ("engine/x86/assembler", 1),
    ("engine/x86/decoder", 1),
    ("engine/x86/", 2),
    ("engine/timeline/", 3),
    ("engine/", 4),
    ("app/", 5),
)
#: Rooms know the nouns of the list they stand in.
UPWARD = {("engine/lua/", "engine.rooms"), ("engine/x86/", "engine.rooms")}
APP_MAY_IMPORT = (
    "engine.worker",
    "engine.rooms",
    "engine.examples",
    "engine.gallery",
    "engine.tours",
    "engine.wire",
    "engine.errors",
    "engine.events",
    "app",
)


def rank(path: str) -> int:
    return next(r for prefix, r in RANKS if path.startswith(prefix))


def sources() -> list[Path]:
    return [p for top in ("engine", "app") for p in sorted((ROOT / top).rglob("*.py"))]


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def module_path(name: str) -> str | None:
    base = ROOT / Path(*name.split("."))
    if base.with_suffix(".py").exists():
        return base.with_suffix(".py").relative_to(ROOT).as_posix()
    if (base / "__init__.py").exists():
        return base.relative_to(ROOT).as_posix() + "/__init__.py"
    return None


@pytest.mark.parametrize("path", sources(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_module_imports_only_downwards(path: Path) -> None:
    own = path.relative_to(ROOT).as_posix()
    for name in imports(path):
        target = module_path(name)
        if target is None:
            continue
        if any(own.startswith(prefix) and name.startswith(allowed) for prefix, allowed in UPWARD):
            continue
        assert rank(target) <= rank(own), f"{own} (rank {rank(own)}) imports {target} (rank {rank(target)})"
        for mine, other in (("engine/lua/", "engine/x86/"), ("engine/x86/", "engine/lua/")):
            assert not (own.startswith(mine) and target.startswith(other)), f"{own} imports {target}"


@pytest.mark.parametrize("path", sorted((ROOT / "app").rglob("*.py")), ids=lambda p: p.name)
def test_the_web_process_knows_no_machine(path: Path) -> None:
    for name in imports(path):
        if name.startswith("engine."):
            assert name.startswith(APP_MAY_IMPORT), f"{path.name} imports {name}"


def test_the_engine_knows_no_web() -> None:
    for path in (ROOT / "engine").rglob("*.py"):
        tops = {name.split(".")[0] for name in imports(path)}
        assert not tops & {"flask", "flask_sock", "simple_websocket", "gunicorn", "app", "sqlalchemy"}, path


def test_only_a_machines_own_files_name_it() -> None:
    allowed = re.compile(
        r"^(engine/(lua|x86)/|engine/rooms\.py|static/js/panes/|static/js/gen/|static/js/languages/|templates/rooms/|tests/|examples/|docs/)"
    )
    named = re.compile(r"\b(lua|x86|unicorn|kvm|nasm)\b", re.IGNORECASE)
    for path in [*sources(), *sorted((ROOT / "static" / "js").rglob("*.js"))]:
        own = path.relative_to(ROOT).as_posix()
        if allowed.match(own):
            continue
        code = strip_words(path)
        hits = sorted({m.group(0) for m in named.finditer(code)})
        assert not hits, f"{own} names {hits}"


def strip_words(path: Path) -> str:
    """The code without comments and docstrings: prose may name a machine, code may not."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".js":
        return re.sub(r"/\*.*?\*/|(?<![:\"'])//[^\n]*", "", text, flags=re.DOTALL)
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)
