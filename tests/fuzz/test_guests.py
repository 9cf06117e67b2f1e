"""Random guests in every mode on the sanitized core: the short form of `python -m tests.fuzz.guests`."""

from __future__ import annotations

from tests.sanitized import run_sanitized

GUESTS = 6
CORES = ("engine.pages.build", "engine.x86.core.build")


def test_random_guests_end_without_a_report() -> None:
    printed = run_sanitized("tests.fuzz.guests", "--count", str(GUESTS), cores=CORES, timeout_s=600)
    counts = [int(line.split(": ")[1].split()[0]) for line in printed.splitlines()]
    assert counts == [2 * GUESTS] * 5, printed
