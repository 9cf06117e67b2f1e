"""`make soak`: every proof of docs/reliability.md one after another, and one table of what came out.

A part that fails is a row that says so, and the others go on. The exit status is 1 if a part failed or something was
lost or wrong; a goal that a figure misses (on a busy host, most of all) is only marked. The reports go to
build/soak.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fuzz.outside import RUNS, fuzz_all
from tests.live.conftest import REAL, ROOT, servers
from tests.soak.crowds import crowd
from tests.soak.durability import kills, writers
from tests.soak.faults import faults
from tests.soak.hostile_programs import hostile_programs
from tests.soak.load import load, openings, workers

REPORT = ROOT / "build" / "soak.json"
Report = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One line of the table. `is_met` is None for a figure without a goal."""

    what: str
    figure: str
    goal: str = ""
    is_met: bool | None = None
    is_wrong: bool = False


def load_rows(r: Report) -> Iterator[Row]:
    """Steps at a steady rate."""
    name = f"{r['sessions']} sessions at {r['hz']:g} Hz, {r['seconds']:g} s"
    wanted = int(r["sessions"] * r["hz"] * r["seconds"])
    wrong = bool(r["errors"]) or r["opened"] != r["sessions"]
    steps = f"{r['steps']:,} of {wanted:,} steps; {r['late']:,} left out for lateness; errors: {r['errors'] or 'none'}"
    yield Row(name, steps, "all the same bytes, no gap", not wrong and not r["late"], wrong)
    step, opened, cores = r["step_ms"], r["open_ms"], r["cores"]
    yield Row("a step there and back", f"p50 {step['p50']} ms, p99 {step['p99']} ms", "p99 ≤ 50 ms", step["p99"] <= 50)
    yield Row("all open at once, first state", f"p50 {opened['p50']} ms, p99 {opened['p99']} ms")
    yield Row("cores used", f"web {cores['web']}, workers {cores['workers']}, visitors {cores['visitors']}")
    cost = r["step_cost_us"]
    yield Row("processor time of a step", f"web {cost['web']} µs, worker {cost['worker']} µs")
    yield Row("private memory of a worker that steps", f"{r['private_mib']} MiB")


def opening_rows(r: Report) -> Iterator[Row]:
    """Sessions one by one."""
    name = f"a session opens, {r['rounds']} one by one: `open` to first state"
    asked, connected = r["from_open_ms"], r["from_connection_ms"]
    yield Row(name, f"p50 {asked['p50']} ms, p99 {asked['p99']} ms", "p99 ≤ 50 ms", asked["p99"] <= 50)
    figure = f"p50 {connected['p50']} ms, p99 {connected['p99']} ms"
    yield Row("the same from the connection on", figure, "p99 ≤ 50 ms", connected["p99"] <= 50)


def worker_rows(r: Report) -> Iterator[Row]:
    """Workers without a web server."""
    name = f"a worker from the warm zygote, {r['rounds']} one by one: start to first answer"
    start, idle = r["start_ms"], r["idle_mib"]
    yield Row(name, f"p50 {start['p50']} ms, p99 {start['p99']} ms", "p99 ≤ 20 ms", start["p99"] <= 20)
    met = None if idle is None else idle <= 4
    yield Row("private memory of an idle session, a program open", f"{idle} MiB", "≤ 4 MiB", met)


def crowd_rows(r: Report) -> Iterator[Row]:
    """Hostile clients."""
    name = f"{r['each']} each of non-reader, flood, never-closer, slow headers, {r['seconds']:g} s: GET"
    get, wrong = r["get_ms"], r["failed"] > 0 or not r["same_processes"]
    figure = f"{r['gets']:,}: p50 {get['p50']} ms, p99 {get['p99']} ms, {r['failed']} failed; cut off: {r['cut_off']}"
    yield Row(name, figure, "p99 ≤ 250 ms", get["p99"] <= 250 and not wrong, wrong)
    figure = f"same processes: {r['same_processes']}; +{r['growth_mib']} MiB"
    yield Row(
        "web processes meanwhile", figure, "same, ≤ 100 MiB", r["same_processes"] and r["growth_mib"] <= 100, wrong
    )


def program_rows(r: Report) -> Iterator[Row]:
    """Hostile programs."""
    wrong = bool(r["wrong"])
    figure = f"{r['stopped']} of {r['programs']} with their reason; slowest {r['slowest_s']} s after its budget"
    met = not wrong and r["slowest_s"] <= 1
    yield Row("hostile programs", f"{figure}; {r['wrong'] or 'all recordings kept'}", "≤ 1 s", met, wrong)


def fault_rows(r: Report) -> Iterator[Row]:
    """Processes killed."""
    wrong = r["lost"] > 0
    figure = f"{r['killed']}; {r['links']} links, {r['lost']} lost; each next session worked"
    yield Row(f"{r['rounds']} faults", figure, "0 lost", not wrong, wrong)


def kill_rows(r: Report) -> Iterator[Row]:
    """Links through kills of their writer."""
    wrong = r["lost"] > 0 or not r["sound"]
    figure = f"{r['acknowledged']:,} acknowledged, {r['lost']} lost, database sound: {r['sound']}"
    yield Row(f"links through {r['rounds']} kills (-9) of their writer", figure, "0 lost", not wrong, wrong)


def writer_rows(r: Report) -> Iterator[Row]:
    """Many writers."""
    save, wrong = r["save_ms"], r["failed"] > 0
    figure = f"{r['links']:,} links, {r['failed']} failed; p50 {save['p50']} ms, p99 {save['p99']} ms"
    yield Row(f"{r['writers']} writers at once, {r['seconds']:g} s", figure, "p99 ≤ 50 ms", save["p99"] <= 50, wrong)


def fuzz_rows(r: Report) -> Iterator[Row]:
    """Inputs from outside."""
    for name, count in r["executions"].items():
        yield Row(f"fuzzed: {name}", f"{count:,} executions", "no failure", not r["failures"], bool(r["failures"]))


def parts(wanted: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Report], Callable[[Report], Iterator[Row]]]]:
    """(name, what runs, rows of its report)."""
    many = {"sessions": wanted.sessions + 8, "sessions_per_address": wanted.sessions + 8, "web_workers": 2}
    crowded = {"sessions": 2 * wanted.each + 8, "sessions_per_address": 2 * wanted.each + 8, "web_workers": 2}

    def on_a_server(settings: dict[str, int], part: Callable[..., Report], *arguments: Any) -> Report:
        with servers() as start:
            return part(start(REAL, links_per_day=0, **settings), *arguments)

    def in_a_folder() -> Report:
        with tempfile.TemporaryDirectory() as folder:
            return kills(Path(folder), wanted.kills, wanted.links)

    yield "workers", lambda: workers(wanted.openings), worker_rows
    yield "openings", lambda: on_a_server(many, openings, wanted.openings), opening_rows
    yield "load", lambda: on_a_server(many, load, wanted.sessions, wanted.hz, wanted.seconds), load_rows
    yield "crowd", lambda: on_a_server(crowded, crowd, wanted.each, wanted.crowd_seconds), crowd_rows
    yield "programs", hostile_programs, program_rows
    yield "writers", lambda: on_a_server({"web_workers": 2}, writers, 20, wanted.writer_seconds), writer_rows
    yield "faults", lambda: on_a_server({"web_workers": 2}, faults, wanted.rounds), fault_rows
    yield "kills", in_a_folder, kill_rows
    yield "fuzz", lambda: fuzz_all(wanted.executions), fuzz_rows


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="names of parts, separated by commas")
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--hz", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=600.0, help="of load")
    parser.add_argument("--openings", type=int, default=200)
    parser.add_argument("--each", type=int, default=50, help="hostile clients of each kind")
    parser.add_argument("--crowd-seconds", type=float, default=60.0)
    parser.add_argument("--writer-seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=100, help="of killing processes of a server")
    parser.add_argument("--kills", type=int, default=300, help="of the process that stores links")
    parser.add_argument("--links", type=int, default=100_000)
    parser.add_argument("--executions", type=int, default=RUNS, help="of each fuzzer of inputs from outside")
    return parser.parse_args()


def load_average() -> str:
    """How busy the host is, for the table: figures of a busy host are upper bounds."""
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def main() -> int:
    """Run what is asked for and print the table."""
    wanted = arguments()
    only = set(wanted.only.split(",")) if wanted.only else None
    reports: dict[str, Report] = {}
    rows: list[Row] = []
    cores = len(os.sched_getaffinity(0))
    conditions = f"{cores} cores, Linux {platform.release()}, Python {platform.python_version()}"
    for name, run, rows_of in parts(wanted):
        if only is not None and name not in only:
            continue
        before, began = load_average(), time.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            report = run()
            rows += rows_of(report)
        except Exception as error:
            traceback.print_exc()
            report = {"failed": f"{type(error).__name__}: {error}"}
            rows.append(Row(name, f"failed: {report['failed'][:200]}", is_wrong=True))
        took = round(time.monotonic() - began, 1)
        reports[name] = {**report, "load_average": [before, load_average()], "took_s": took}
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps({"conditions": conditions, **reports}, indent=2))
    print(f"\n{conditions}\n\n| what | figure | goal | met |\n|---|---|---|---|")
    words = {None: "", True: "yes", False: "no"}
    for row in rows:
        met = "**wrong**" if row.is_wrong else words[row.is_met]
        print(f"| {row.what} | {row.figure} | {row.goal} | {met} |")
    averages = "; ".join(
        f"{name} {report['load_average'][0]} → {report['load_average'][1]}" for name, report in reports.items()
    )
    print(f"\nLoad average (1, 5, 15 minutes) before and after: {averages}.")
    return int(any(row.is_wrong for row in rows))


if __name__ == "__main__":
    sys.exit(main())
