"""Exits: their kinds and fields, the calls to the CPU's driver, and faults told in full."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

HAS_KVM = Path("/dev/kvm").exists() and os.access("/dev/kvm", os.R_OK | os.W_OK)


def test_exits_are_sifted_by_kind_and_show_the_fields_of_kvm_run(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?room=x86&example=exits")
    exits = one.pane("extra")
    kinds = exits.get_by_role("combobox", name="Which exits")
    rows = exits.locator(".exits tbody > tr")
    kinds.select_option("memory")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("read 0x100000, size 1")
    kinds.select_option("ports")
    expect(rows).to_have_count(3)
    rows.nth(2).get_by_role("button", name="KVM_EXIT_IO").click()
    fields = exits.locator(".facts")
    expect(fields).to_contain_text("run->io.count4")
    expect(fields).to_contain_text("run->io.port0xe9")
    expect(fields).to_contain_text("'abc·'")
    kinds.select_option("faults")
    expect(exits).to_contain_text("There is no exit of this kind.")


@pytest.mark.parametrize(
    ("cpu", "calls"),
    [
        pytest.param(
            "kvm", ["KVM_CREATE_VM", "KVM_CREATE_VCPU"], marks=pytest.mark.skipif(not HAS_KVM, reason="no /dev/kvm")
        ),
        ("unicorn", ["uc_open", "uc_mem_map_ptr"]),
    ],
)
def test_the_calls_that_make_and_run_the_machine_are_drawn_and_listed(
    bench: Callable[..., Bench], cpu: str, calls: list[str]
) -> None:
    one = bench().open("/play?room=x86&example=kvm")
    one.page.get_by_role("combobox", name="CPU").select_option(cpu)
    one.run()
    # What was there before the other CPU was chosen is marked until the new run takes its place.
    expect(one.pane("listing")).not_to_have_class(re.compile("stale"))
    one.ready()
    one.go_to(one.frontier)
    exits = one.pane("extra")
    exits.get_by_role("combobox", name="Which exits").select_option("calls")
    for name in calls:
        expect(exits.locator(".boxes-row")).to_contain_text(name)
    expect(exits.locator(".stage-exits .here")).to_contain_text("KVM_EXIT_HLT")
    log = exits.get_by_role("table", name="Calls in order")
    run = "KVM_RUN" if cpu == "kvm" else "uc_emu_start"
    expect(log.locator("tbody tr").filter(has_text=run).first).to_be_visible()
    if cpu == "kvm":
        expect(log.locator("tbody tr").filter(has_text="KVM_EXIT_DEBUG")).to_have_count(0)
        exits.get_by_role("button", name="Hide single steps").click()
        expect(log.locator("tbody tr").filter(has_text="KVM_EXIT_DEBUG").first).to_be_visible()


def test_a_page_fault_says_why_and_where_the_cpu_went(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?room=x86&example=paging")
    row = one.pane("extra").locator("tr.wrongrow")
    expect(row).to_contain_text("#PF page fault")
    row.get_by_role("button").first.click()
    fault = one.pane("state").get_by_role("region", name="What went wrong in this step")
    expect(fault).to_contain_text("mov word [rdi]")
    expect(fault).to_contain_text("no page is there, a write, from ring 0 to 2")
    expect(fault.locator(".chips .on")).to_have_text(["W/R 1"])
    expect(fault).to_contain_text("the CPU looked up vector 0e and went to handler")
    fault.get_by_role("button", name="40000000").click()
    expect(one.pane("memory")).to_contain_text("no page is mapped at 40000000")
    one.step()
    expect(fault).to_have_count(0)


def test_a_triple_fault_is_told_as_the_end_that_it_is(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?room=x86&example=triple")
    one.go_to(one.frontier)
    fault = one.pane("state").get_by_role("region", name="What went wrong in this step")
    expect(fault).to_contain_text(re.compile("int3.*could not be delivered"))
