"""Builds and loads the C cores (cffi, API mode). Each core declares a `CModule` in its own `build.py`.

`python -m engine.cbuild` builds what is stale; `--sanitize` builds the same cores with ASan and UBSan under
`build/sanitize`, which `load` prefers when the environment variable GLASSBOX_CORES names that folder.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
STRICT = ("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-fvisibility=hidden", "-g1")
SANITIZE = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer")

#: Modules that declare a CMODULE: every build.py of the engine.
CORES = tuple(
    ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted((ROOT / "engine").rglob("build.py"))
)


@dataclass(frozen=True)
class CModule:
    """One extension module: dotted name, the cdef text, C sources (and headers, for staleness), flags and libraries.

    `prelude` is the C text that makes the cdef's declarations visible to the generated wrapper (`#include "core.h"`).
    Paths are relative to the folder of the module's package.
    """

    name: str
    cdef: str
    prelude: str
    sources: tuple[str, ...]
    headers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ("-O3",)
    libraries: tuple[str, ...] = ()
    include_dirs: tuple[str, ...] = ()
    library_dirs: tuple[str, ...] = ()
    #: Optimize over all sources when linking (not with sanitizers); sources with assembly of their own keep out of it.
    is_whole: bool = False
    with_assembly: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder of the package that the module belongs to."""
        return ROOT.joinpath(*self.name.split(".")[:-1])

    def output(self, sanitize: bool) -> Path:
        """Where the shared object is put."""
        base = ROOT / "build" / "sanitize" if sanitize else ROOT
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        return base.joinpath(*self.name.split(".")[:-1]) / f"{self.name.rsplit('.', 1)[1]}{suffix}"

    def fingerprint(self, sanitize: bool) -> str:
        """A hash of everything that the shared object depends on."""
        digest = hashlib.sha256(repr((self, sanitize, sys.version, STRICT, SANITIZE)).encode())
        for name in (*self.sources, *self.headers):
            digest.update(name.encode() + (self.folder / name).read_bytes())
        digest.update((ROOT / "engine" / "trace_columns.h").read_bytes())
        return digest.hexdigest()


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
    if done.stderr:
        sys.stderr.write(done.stderr)


def build(module: CModule, *, sanitize: bool = False) -> Path:
    """Compile and link `module` unless the fingerprint beside the shared object says that it is fresh."""
    import cffi

    output = module.output(sanitize)
    stamp = output.with_suffix(".stamp")
    fingerprint = module.fingerprint(sanitize)
    if output.exists() and stamp.exists() and stamp.read_text() == fingerprint:
        return output
    work = ROOT / "build" / ("objects-sanitize" if sanitize else "objects") / module.name
    work.mkdir(parents=True, exist_ok=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    ffi = cffi.FFI()
    ffi.cdef(module.cdef)
    ffi.set_source(module.name, module.prelude)
    wrapper = work / "wrapper.c"
    ffi.emit_c_code(str(wrapper))
    cc = os.environ.get("CC", "gcc")
    includes = [f"-I{module.folder}", f"-I{ROOT / 'engine'}", f"-I{sysconfig.get_path('include')}"]
    includes += [f"-I{path}" for path in module.include_dirs]
    flags = [*module.flags, *(SANITIZE if sanitize else ("-flto=auto",) if module.is_whole else ())]
    jobs, objects = [], []
    for name in module.sources:
        target = work / (name.replace("/", "_") + ".o")
        objects.append(str(target))
        apart = ["-fno-lto"] if name in module.with_assembly else []
        jobs.append([cc, *STRICT, *flags, *apart, *includes, "-c", str(module.folder / name), "-o", str(target)])
    objects.append(str(work / "wrapper.o"))
    jobs.append([cc, "-O2", "-fPIC", "-w", *flags, *includes, "-c", str(wrapper), "-o", objects[-1]])
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(_run, jobs))
    scratch = output.with_suffix(f".{os.getpid()}.tmp")
    paths = [f"-L{path}" for path in module.library_dirs] + [f"-Wl,-rpath,{path}" for path in module.library_dirs]
    libraries = [f"-l{name}" for name in module.libraries]
    _run([cc, "-shared", *flags, *objects, "-o", str(scratch), *paths, *libraries])
    scratch.rename(output)
    stamp.write_text(fingerprint)
    return output


def load(name: str) -> ModuleType:
    """Import the extension module `name` (it has `lib` and `ffi`), from GLASSBOX_CORES first if that is set."""
    folder = os.environ.get("GLASSBOX_CORES")
    if folder and name not in sys.modules:
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        path = Path(folder, *name.split(".")[:-1], name.rsplit(".", 1)[1] + suffix)
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"no core at {path}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ImportError(f"the C core {name} is not built; run `make build`") from error


def main(arguments: Sequence[str]) -> None:
    """Build every core; with `--sanitize` the instrumented ones."""
    for core in CORES:
        if importlib.util.find_spec(core):
            path = build(importlib.import_module(core).CMODULE, sanitize="--sanitize" in arguments)
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main(sys.argv[1:])
