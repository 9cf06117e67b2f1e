import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from x86_runs import Run, record, start


@pytest.fixture
def go() -> Iterator[Callable[..., Run]]:
    """`go(source, cpu, …)` records a program; its machine is closed when the test ends."""
    machines = []

    def run(source: Any, cpu: str, max_ticks: int = 20_000, **options: Any) -> Run:
        machine = start(source, cpu, **options)
        machines.append(machine)
        return record(machine, max_ticks)

    yield run
    for machine in machines:
        machine.close()
