"""A client of the protocol debugs Lua programs: forwards, backwards, and inside their tables."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.debuggers.dap_client import Client, RequestFailed

ROOT = Path(__file__).resolve().parents[2]
Write = Callable[[str, str], Path]

CALLS = """\
local function double(n)
  local twice = n * 2
  return twice
end

local sum = 0
for i = 1, 3 do
  sum = sum + double(i)
end
print("sum", sum)
"""


def test_the_adapter_says_what_it_can_do(client: Client) -> None:
    capabilities = client.request("initialize", adapterID="glassbox")
    for name in (
        "supportsConfigurationDoneRequest",
        "supportsStepBack",
        "supportsSteppingGranularity",
        "supportsInstructionBreakpoints",
        "supportsDisassembleRequest",
        "supportsReadMemoryRequest",
        "supportsEvaluateForHovers",
    ):
        assert capabilities[name] is True


def test_a_program_runs_to_its_end_and_its_output_comes_first(client: Client, program: Write) -> None:
    client.launch(program("main.lua", CALLS))
    client.request("configurationDone")
    assert client.event("exited")["body"] == {"exitCode": 0}
    assert client.event("terminated")
    assert client.output == [("stdout", "sum\t12\n")]


def test_the_status_that_a_program_gives_is_the_exit_code(client: Client, program: Write) -> None:
    client.launch(program("main.lua", "os.exit(7)"))
    client.request("configurationDone")
    assert client.event("exited")["body"] == {"exitCode": 7}


def test_breakpoints_stop_a_run_in_both_directions(client: Client, program: Write) -> None:
    path = program("main.lua", CALLS)
    client.launch(path, stopAtEnd=True)
    found = client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": 2}, {"line": 5}])
    assert [(b["verified"], b["line"]) for b in found["breakpoints"]] == [(True, 2), (True, 6)]
    client.request("configurationDone")
    stops = []
    for _ in range(4):
        body = client.event("stopped")["body"]
        assert body["reason"] == "breakpoint"
        stops.append((client.line(), body["hitBreakpointIds"], client.tick()))
        client.request("continue", threadId=client.thread())
    first, second = (b["id"] for b in found["breakpoints"])
    assert [(line, hit) for line, hit, _ in stops] == [(6, [second]), (2, [first]), (2, [first]), (2, [first])]
    assert client.event("stopped")["body"]["reason"] == "pause"
    for _, _, tick in stops[::-1]:
        assert client.move("reverseContinue")["reason"] == "breakpoint"
        assert client.tick() == tick
    body = client.move("reverseContinue")
    assert (body["reason"], client.tick()) == ("entry", 0)
    assert client.move("continue")["reason"] == "breakpoint"


def test_a_condition_decides_where_a_breakpoint_stops(client: Client, program: Write) -> None:
    text = "local sum = 0\nfor i = 1, 50 do\n  sum = sum + i\nend\nprint(sum)\n"
    path = program("main.lua", text)
    client.begin(path, stopAtEnd=True)

    def set_condition(condition: str) -> None:
        points = [{"line": 3, "condition": condition}]
        client.request("setBreakpoints", source={"path": str(path)}, breakpoints=points)

    set_condition("i == 30 or sum > 1200")
    stops = []
    while client.move("continue")["reason"] == "breakpoint":
        stops.append(client.values("Locals")["i"])
    assert stops == ["30", "50"]
    assert client.move("reverseContinue")["reason"] == "breakpoint"
    assert client.values("Locals")["sum"] == "1225"
    set_condition("i == 2")
    client.move("reverseContinue")
    assert client.values("Locals")["i"] == "2"
    assert client.move("reverseContinue")["reason"] == "entry"
    with pytest.raises(RequestFailed, match="condition"):
        set_condition("i ==")


def test_steps_go_over_into_and_out_of_calls(client: Client, program: Write) -> None:
    path = program("main.lua", CALLS)
    client.begin(path)
    client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": 8}])
    client.move("continue")
    client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[])
    assert client.move("stepIn")["reason"] == "step"
    assert [(f["name"], f["line"]) for f in client.stack()] == [("double", 2), ("main", 8)]
    assert client.values("Locals") == {"n": "1"}
    assert client.values("Locals", 1)["i"] == "1"
    client.move("next")
    assert (client.line(), client.values("Locals")) == (3, {"n": "1", "twice": "2"})
    client.move("stepOut")
    assert (len(client.stack()), client.line()) == (1, 8)
    client.move("next")
    assert client.line() == 7
    assert client.values("Locals")["sum"] == "2"
    client.move("next")
    tick = client.tick()
    client.move("next")
    client.move("stepBack")
    assert (client.tick(), client.line()) == (tick, 8)


def test_instructions_are_stepped_one_by_one_in_both_directions(client: Client, program: Write) -> None:
    client.begin(program("main.lua", CALLS))
    for tick in range(1, 12):
        client.move("stepIn", granularity="instruction")
        assert client.tick() == tick
    for tick in range(10, -1, -1):
        client.move("stepBack", granularity="instruction")
        assert client.tick() == tick
    assert client.move("stepBack", granularity="instruction")["reason"] == "entry"


def test_tables_open_level_by_level_and_page_by_page(client: Client, program: Write) -> None:
    text = (
        "local big = {}\nfor i = 1, 1000 do big[i] = i * i end\n"
        'local t = setmetatable({list = {10, 20, {deep = "here"}}, big = big, [true] = 1}, {__name = "T"})\n'
        "local f = function() return t end\nprint(f())\n"
    )
    path = program("main.lua", text)
    client.begin(path)
    client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": 5}])
    client.move("continue")
    local_variables = client.variables(client.scope("Locals")["variablesReference"])
    inside = client.variables(local_variables["t"]["variablesReference"])
    assert set(inside) == {"(metatable)", "list", "big", "[true]"}
    assert client.variables(inside["list"]["variablesReference"])["[2]"]["value"] == "20"
    assert list(client.variables(local_variables["f"]["variablesReference"])) == ["t"]
    big = inside["big"]
    assert big["indexedVariables"] >= 1000
    page = client.variables(big["variablesReference"], filter="indexed", start=100, count=100)
    assert list(page) == [f"[{n}]" for n in range(101, 201)]
    assert page["[150]"]["value"] == "22500"
    assert client.variables(big["variablesReference"], filter="named") == {}


def test_names_are_evaluated_where_the_frame_sees_them(client: Client, program: Write) -> None:
    text = (
        'local t = {list = {10, {deep = "here"}}, ["two words"] = 2}\nanswer = 42\n'
        "local function f(x)\n  local y = t\n  return y, x\nend\nf(5)\n"
    )
    path = program("main.lua", text)
    client.begin(path)
    client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": 5}])
    client.move("continue")
    inner, outer = (frame["id"] for frame in client.stack())

    def value(expression: str, frame: int = inner) -> str:
        return str(client.request("evaluate", expression=expression, frameId=frame, context="hover")["result"])

    assert value("x") == "5"
    assert value("t.list[2].deep") == '"here"'
    assert value("y['two words']") == "2"
    assert value("answer") == "42"
    assert value("math.pi") == "3.1415926535898"
    for missing, frame in (("x", outer), ("t.nothing", inner), ("1 +", inner), ("", inner)):
        with pytest.raises(RequestFailed):
            value(missing, frame)
    assert client.request("evaluate", expression="t.list", frameId=inner)["variablesReference"] > 0


def test_coroutines_are_threads(client: Client) -> None:
    path = ROOT / "examples" / "lua" / "coroutines.lua"
    client.begin(path)
    text = path.read_text(encoding="utf-8").splitlines()
    line = 1 + next(n for n, words in enumerate(text) if "coroutine.yield" in words)
    client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": line}])
    client.move("continue")
    threads = client.request("threads")["threads"]
    assert len(threads) >= 2
    assert len({t["id"] for t in threads}) == len(threads)
    assert client.line() == line
    main = next(t for t in threads if t["name"] == "main")
    waiting = client.request("stackTrace", threadId=main["id"])["stackFrames"]
    assert [f["name"] for f in waiting][1:] == ["main"]  # level 0 is the built-in function that resumed


def test_a_deep_stack_comes_in_pages(client: Client, program: Write) -> None:
    path = program(
        "main.lua", "local function f(n)\n  if n == 0 then\n    return 0\n  end\n  return 1 + f(n - 1)\nend\nf(150)\n"
    )
    client.begin(path)
    client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": 3}])
    client.move("continue")
    answer = client.request("stackTrace", threadId=client.thread(), startFrame=100, levels=20)
    assert (len(answer["stackFrames"]), answer["totalFrames"]) == (20, 152)
    last = client.request("stackTrace", threadId=client.thread(), startFrame=150, levels=20)["stackFrames"]
    assert [f["name"] for f in last] == ["f", "main"]


def test_an_uncaught_error_stops_where_it_was_raised_and_the_past_stays_open(client: Client, program: Write) -> None:
    client.launch(program("main.lua", 'local function f(x)\n  local before = "here"\n  return x.field\nend\nf(nil)\n'))
    client.request("configurationDone")
    body = client.event("stopped")["body"]
    assert body["reason"] == "exception"
    assert "main.lua:3: attempt to index a nil value (local 'x')" in body["text"]
    assert "stack traceback" in client.request("exceptionInfo", threadId=client.thread())["details"]["stackTrace"]
    assert [(f["name"], f["line"]) for f in client.stack()] == [("f", 3), ("main", 5)]
    assert client.values("Locals")["before"] == '"here"'
    assert client.printed("stderr").startswith("main.lua:3: attempt to index")
    client.move("stepBack")
    assert client.line() == 2
    assert client.move("continue")["reason"] == "exception"
    client.request("continue", threadId=client.thread())
    assert client.event("exited")["body"] == {"exitCode": 1}
    client.event("terminated")


def test_at_its_end_a_program_stays_when_asked_to(client: Client, program: Write) -> None:
    client.begin(program("main.lua", "local a = 1\nprint(a)\n"), stopAtEnd=True)
    body = client.move("continue")
    assert (body["reason"], client.line()) == ("pause", 2)
    assert client.move("reverseContinue")["reason"] == "entry"
    client.move("continue")
    assert client.move("next") == {"exitCode": 0}


def test_a_breakpoint_in_a_module_is_verified_when_the_module_is_loaded(client: Client, program: Write) -> None:
    module = program(
        "shapes.lua", "local shapes = {}\nfunction shapes.area(w, h)\n  return w * h\nend\nreturn shapes\n"
    )
    path = program("main.lua", 'local shapes = require "shapes"\nprint(shapes.area(3, 4))\n')
    client.launch(path, files=["shapes.lua"])
    found = client.request("setBreakpoints", source={"path": str(module)}, breakpoints=[{"line": 3}])["breakpoints"]
    assert found[0]["verified"] is False
    client.request("configurationDone")
    body = client.event("stopped")["body"]
    changed = client.event("breakpoint")["body"]["breakpoint"]
    assert (changed["id"], changed["verified"], changed["line"]) == (found[0]["id"], True, 3)
    assert body["hitBreakpointIds"] == [found[0]["id"]]
    frame = client.stack()[0]
    assert (frame["line"], frame["source"]["path"]) == (3, str(module))
    assert client.values("Locals") == {"w": "3", "h": "4"}


def test_an_endless_program_is_paused_and_refuses_to_be_looked_at_while_it_runs(client: Client, program: Write) -> None:
    path = program("main.lua", "local n = 0 print(n)\nwhile true do\n  n = n + 1\nend\n")
    client.launch(path)
    client.request("configurationDone")
    while not client.output:
        client.receive()
    thread = client.thread()
    with pytest.raises(RequestFailed, match="running"):
        client.request("stackTrace", threadId=thread)
    client.request("pause", threadId=thread)
    assert client.event("stopped")["body"]["reason"] == "pause"
    tick = client.tick()
    assert tick > 0
    client.move("stepBack", granularity="instruction")
    assert client.tick() == tick - 1
    client.request("continue", threadId=thread)
    client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": 3}])
    assert client.event("stopped")["body"]["reason"] == "breakpoint"
    assert client.line() == 3
    client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[])
    client.request("stepOut", threadId=thread)
    client.request("pause", threadId=thread)
    assert client.event("stopped")["body"]["reason"] == "pause"


def test_an_endless_program_can_be_left(adapter, program: Write) -> None:
    process, client = adapter
    client.launch(program("main.lua", "while true do end\n"))
    client.request("configurationDone")
    client.request("terminate")
    client.event("terminated")
    client.request("disconnect")
    assert process.wait(60) == 0


def test_input_is_given_beforehand_or_typed(client: Client, program: Write) -> None:
    path = program("main.lua", 'local a, b = io.read("l", "n")\nprint(a, b, io.read("a"))\n')
    client.launch(path, input="first\n12")
    client.request("configurationDone")
    client.event("terminated")
    assert client.printed() == "first\t12\t\n"


def test_typed_input_goes_to_the_program_that_waits_for_it(client: Client, program: Write) -> None:
    client.begin(program("main.lua", 'local a = io.read("l")\nprint("got " .. a)\n'))
    with pytest.raises(RequestFailed, match="does not wait"):
        client.request("evaluate", expression="<too early", context="repl")
    body = client.move("continue")
    assert body["reason"] == "pause"
    assert "input" in body["description"]
    client.request("evaluate", expression="<hello", context="repl")
    assert client.move("continue") == {"exitCode": 0}
    assert client.printed() == "got hello\n"


def test_the_console_goes_to_a_tick(client: Client, program: Write) -> None:
    client.begin(program("main.lua", CALLS))
    client.request("evaluate", expression="@20", context="repl")
    assert client.event("stopped")["body"]["reason"] == "goto"
    assert client.tick() == 20
    assert client.values("Recording")["tick"] == "20"
    with pytest.raises(RequestFailed, match="number"):
        client.request("evaluate", expression="@x", context="repl")


def test_bytecode_is_disassembled_around_the_instruction(client: Client, program: Write) -> None:
    client.begin(program("main.lua", CALLS))
    client.move("next")
    reference = client.stack()[0]["instructionPointerReference"]
    answer = client.request("disassemble", memoryReference=reference, instructionOffset=-3, instructionCount=6)
    lines = answer["instructions"]
    assert len(lines) == 6
    here = next(line for line in lines if line["address"] == reference)
    assert here["instruction"].startswith("CLOSURE")
    assert lines.index(here) == 3
    assert lines[0]["presentationHint"] == "invalid"
    far = client.request("disassemble", memoryReference="0x100000", instructionCount=2)["instructions"]
    assert [line["presentationHint"] for line in far] == ["invalid"] * 2


def test_a_bytecode_instruction_can_have_a_breakpoint(client: Client, program: Write) -> None:
    client.begin(program("main.lua", CALLS))
    lines = client.request("disassemble", memoryReference="0x0", instructionCount=40)["instructions"]
    multiply = next(line for line in lines if line["instruction"].startswith("MULK"))
    points = [{"instructionReference": multiply["address"]}]
    found = client.request("setInstructionBreakpoints", breakpoints=points)["breakpoints"]
    assert found[0]["verified"] is True
    body = client.move("continue")
    assert (body["reason"], body["hitBreakpointIds"]) == ("instruction breakpoint", [found[0]["id"]])
    assert client.stack()[0]["instructionPointerReference"] == multiply["address"]


def test_a_text_that_is_no_file_is_a_source_of_its_own(client: Client) -> None:
    client.begin(Path("scratch.lua"), text="local a = 1\nlocal b = 2\n")
    frame = client.stack()[0]
    number = frame["source"]["sourceReference"]
    assert client.request("source", sourceReference=number)["content"] == "local a = 1\nlocal b = 2\n"
    found = client.request("setBreakpoints", source={"sourceReference": number}, breakpoints=[{"line": 2}])
    assert found["breakpoints"][0]["verified"] is True
    client.move("continue")
    assert client.line() == 2


def test_code_without_a_text_shows_its_instructions_only(client: Client, program: Write) -> None:
    client.begin(program("main.lua", 'local f = load("local a = 1\\nreturn a", "=made up")\nf()\n'))
    client.move("next")
    client.move("stepIn")
    frame = client.stack()[0]
    assert "source" not in frame
    assert frame["instructionPointerReference"].startswith("0x")
