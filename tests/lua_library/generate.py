"""Turns a file of cases (one expression list or statement a line) into one Lua program that prints every outcome."""

from __future__ import annotations

from pathlib import Path

from tests.reference.puc import PucCompiler

PRELUDE = r"""
local type, tostring, select, mathtype, rep, pack = type, tostring, select, math.type, string.rep, table.pack
local byte, char, sub, len = string.byte, string.char, string.sub, string.len
local write = io.stdout.write
local stdout, traceback, format = io.stdout, debug.traceback, string.format
local function quoted(s)
  local out = ""
  for i = 1, len(s) > 2000 and 2000 or len(s) do
    local b = byte(s, i)
    out = out .. ((b < 32 or b > 126 or b == 92) and "\\" .. b .. ";" or char(b))
  end
  return '"' .. out .. '"' .. (len(s) > 2000 and len(s) or "")
end
local function shown(v)
  local t = type(v)
  if t == "string" then return quoted(v) end
  if t == "number" then return mathtype(v) == "float" and format("%.17g", v) .. "f" or format("%d", v) end
  if t == "nil" or t == "boolean" then return tostring(v) end
  return t
end
local function outcome(number, ok, ...)
  local line = number .. (ok and " =" or " !")
  local values = pack(...)
  for i = 1, values.n do line = line .. " " .. shown(values[i]) end
  write(stdout, line, "\n")
end
local function case(number, f) outcome(number, pcall(f)) end
"""


def program(cases: Path) -> bytes:
    """The program for one file of cases; case N stands on the program's line that says so, the same for everybody."""
    lines = [PRELUDE.encode()]
    with PucCompiler() as compiler:
        for number, text in enumerate(cases.read_bytes().decode().splitlines(), 1):
            is_expression = compiler.compile(f"return {text}".encode(), b"=case")[0]
            body = f"return {text}" if is_expression else text
            ok, message = compiler.compile(body.encode(), b"=case")
            if not ok:
                raise ValueError(f"{cases.name}:{number}: {message.decode()}")
            lines.append(f"case({number}, function(...) {body} end)".encode())
    return b"\n".join(lines) + b"\n"
