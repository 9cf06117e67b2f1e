"""The short form of differential.py: some programs of every mode on KVM, on Unicorn and natively, compared by tick."""

import pytest
from differential import Report, compare, has_kvm
from instruction_programs import LEFT_OUT, UNLIKE, WIDTHS, forms
from native import why_not

PROGRAMS = 12


@pytest.mark.parametrize("mode", WIDTHS)
def test_random_programs_over_the_instruction_set(mode: str) -> None:
    without_native = why_not()
    report = Report()
    compare(mode, range(PROGRAMS), report, with_kvm=has_kvm(), with_native=without_native is None)
    assert report.failures == []
    if not report.compared:
        pytest.skip(f"nothing to compare with here: no KVM, and {without_native}")
    assert all(count >= 1 for count in report.compared.values())
    assert len(report.mnemonics) > 60


def test_the_programs_leave_out_little_and_say_why() -> None:
    assert len({form.mnemonic for form in forms(64)}) > 380
    assert len(forms(16)) > 900
    assert all(len(reason) > 20 for reason in UNLIKE.values())
    assert not UNLIKE.keys() & LEFT_OUT
