"""The reference Lua 5.4.8: its interpreter, its compiler as a server, and its own test suite.

The sources come out of the lupa 2.8 source package (which carries the whole 5.4.8 tree, test suite included), fetched
with pip into build/puc-5.4.8/ on first use and kept there. Needs gcc and, the first time, the package index.

- `puc_lua()` the path of the interpreter, built as a 5.4 release builds it, without readline;
- `puc_dump(path)` the binary chunk that `string.dump(loadfile(path))` gives; `PucCompiler` for many sources;
- `suite_dir()` the folder of the test suite (never run heavy.lua of it: it fills any memory).
"""

from __future__ import annotations

import fcntl
import struct
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "puc-5.4.8"
PACKAGE = "lupa"
PACKAGE_VERSION = "2.8"
# As src/Makefile of the 5.4 releases has it for Linux, less readline.
FLAGS = ("-std=gnu99", "-O2", "-DLUA_COMPAT_5_3", "-DLUA_USE_LINUX")
NOT_LIBRARY = ("lua.c", "luac.c", "onelua.c", "ltests.c")


class PucUnavailable(RuntimeError):
    """The reference could not be fetched or built; the message says what failed."""


@contextmanager
def _locked() -> Iterator[None]:
    """Only one process fetches and builds."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(*command: str | Path, cwd: Path = FOLDER) -> None:
    done = subprocess.run([str(c) for c in command], cwd=cwd, check=False, capture_output=True, text=True)
    if done.returncode:
        raise PucUnavailable(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


@cache
def source_dir() -> Path:
    """The folder with the C sources of Lua 5.4.8."""
    with _locked():
        target = FOLDER / "lua54"
        if not target.exists():
            archive = FOLDER / f"{PACKAGE}-{PACKAGE_VERSION}.tar.gz"
            if not archive.exists():
                pip = (sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--disable-pip-version-check")
                _run(*pip, "--no-binary", PACKAGE, f"{PACKAGE}=={PACKAGE_VERSION}")
            inside = f"{PACKAGE}-{PACKAGE_VERSION}/third-party/lua54/"
            with tarfile.open(archive) as tar:
                # Plain files only, so that nothing depends on the extraction filters of later Python 3.11 releases.
                members = [m for m in tar.getmembers() if m.name.startswith(inside) and m.isfile()]
                tar.extraction_filter = getattr(tarfile, "data_filter", None)
                tar.extractall(FOLDER / "unpacked", members=members)
            (FOLDER / "unpacked" / inside).rename(target)
        return target


def _objects() -> list[Path]:
    """The library's objects, compiled once."""
    source = source_dir()
    work = FOLDER / "objects"
    work.mkdir(exist_ok=True)
    objects = []
    for path in sorted(source.glob("*.c")):
        if path.name in NOT_LIBRARY:
            continue
        target = work / f"{path.stem}.o"
        if not target.exists():
            _run("gcc", *FLAGS, "-c", path, "-o", target)
        objects.append(target)
    return objects


def program(name: str, main: Path) -> Path:
    """The program `name`: the reference library linked with the C file `main`, built on first use."""
    source_dir()
    with _locked():
        target = FOLDER / name
        if not target.exists() or target.stat().st_mtime < main.stat().st_mtime:
            scratch = FOLDER / f"{name}.new"
            _run("gcc", *FLAGS, f"-I{source_dir()}", main, *_objects(), "-o", scratch, "-Wl,-E", "-lm", "-ldl")
            scratch.rename(target)
        return target


@cache
def puc_lua() -> Path:
    """The `lua` interpreter."""
    return program("lua", source_dir() / "lua.c")


@cache
def suite_dir() -> Path:
    """The folder of the official test suite."""
    return source_dir() / "testes"


class PucCompiler:
    """A running compile server: `compile` as often as wanted; a context manager."""

    def __init__(self) -> None:
        server = program("puc_compile", ROOT / "tests" / "reference" / "puc_compile.c")
        self._process = subprocess.Popen([server], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> PucCompiler:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def compile(self, source: bytes, chunk_name: bytes, *, strip: bool = False) -> tuple[bool, bytes]:
        """(True, binary chunk) or (False, error message). The source is given to the lexer as it is (no `#!` rule)."""
        assert self._process.stdin
        assert self._process.stdout
        request = struct.pack("=II", strip, len(chunk_name)) + chunk_name + struct.pack("=I", len(source)) + source
        self._process.stdin.write(request)
        self._process.stdin.flush()
        status, length = struct.unpack("=II", self._process.stdout.read(8))
        return status == 0, self._process.stdout.read(length)


def puc_dump(path: Path, *, strip: bool = False, chunk_name: bytes | None = None) -> bytes:
    """What `string.dump(loadfile(path), strip)` gives; the chunk is named `@` + the file's path unless told."""
    source = path.read_bytes()
    if source.startswith(b"\xef\xbb\xbf"):
        source = source[3:]
    if source.startswith(b"#"):
        end = source.find(b"\n")
        source = source[end:] if end >= 0 else b"\n"
    with PucCompiler() as compiler:
        ok, answer = compiler.compile(source, chunk_name or b"@" + str(path).encode(), strip=strip)
    if not ok:
        raise PucUnavailable(answer.decode("utf-8", "replace"))
    return answer
