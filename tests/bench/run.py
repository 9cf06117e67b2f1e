"""`make bench`: run every benchmark of this folder, or those named, and print their tables.

A benchmark is a module `bench_NAME.py` with `main() -> list[str]`: lines of a Markdown table, each figure beside its
named reference, measured in the same run. No test asserts a figure; docs/benchmarks.md keeps the last ones.
"""

import importlib.util
import os
import platform
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def machine_line() -> str:
    """Which machine the figures are from."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return (
        f"{model}, {os.cpu_count()} CPUs, Linux {platform.release().split('-')[0]}, Python {platform.python_version()}"
    )


def main(names: list[str]) -> None:
    sys.path[:0] = [str(FOLDER.parents[1]), str(FOLDER.parent), str(FOLDER)]
    print(machine_line())
    for path in sorted(FOLDER.glob("bench_*.py")):
        if names and path.stem.removeprefix("bench_") not in names:
            continue
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        print(f"\n## {path.stem.removeprefix('bench_')}\n\n{(module.__doc__ or '').strip()}\n", flush=True)
        print("\n".join(module.main()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
