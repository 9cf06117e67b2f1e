"""Jumps whose target is not known yet.

A jump list is a tuple of positions of JMP instructions that shall lead to the same place. An expression carries two:
where to go when it is true, and when it is false. A jump right behind a test is controlled by it; a TESTSET there gives
its value to whoever needs one, else it is turned into a plain TEST.
"""

from __future__ import annotations

from engine.lua import opnumbers as op
from engine.lua.codegen import FunctionCode
from engine.lua.opcodes import MAXARG_BX, MAXARG_SJ, OFFSET_SJ, OPCODES

JumpList = tuple[int, ...]

NO_REGISTER = 255
_PENDING_JUMP = op.JMP | (OFFSET_SJ - 1) << 7
_TESTS = frozenset(row.code for row in OPCODES if row.is_test)


class JumpCode(FunctionCode):
    """Adds jumps, their lists, and the final pass over them."""

    def emit_jump(self) -> int:
        """Append a jump to be fixed later; answers its position."""
        return self.emit(_PENDING_JUMP)

    def emit_test(self, opcode: int, a: int, b: int, c: int, k: int) -> int:
        """Append a test and the jump that it controls; answers the jump's position."""
        self.emit(opcode | a << 7 | k << 15 | b << 16 | c << 24)
        return self.emit(_PENDING_JUMP)

    def fix_jump(self, pc: int, target: int) -> None:
        """Let the jump at `pc` lead to `target`."""
        distance = target - pc - 1
        if not -OFFSET_SJ <= distance <= MAXARG_SJ - OFFSET_SJ:
            raise self.tokens.syntax_error("control structure too long")
        self.code[pc] = op.JMP | (distance + OFFSET_SJ) << 7

    def fix_loop_jump(self, pc: int, target: int, *, back: bool) -> None:
        """Set the distance of a loop instruction, whose direction is fixed."""
        distance = target - pc - 1
        if back:
            distance = -distance
        if distance > MAXARG_BX:
            raise self.tokens.syntax_error("control structure too long")
        self.code[pc] = self.code[pc] & 0x7FFF | distance << 15

    def control_of(self, pc: int) -> int:
        """The position of the test that controls the jump at `pc`, or `pc` itself if the jump is unconditional."""
        return pc - 1 if pc >= 1 and self.code[pc - 1] & 0x7F in _TESTS else pc

    def _settle_test(self, pc: int, register: int) -> bool:
        """Tell the TESTSET that controls the jump at `pc` where its value goes; False if there is no TESTSET.

        NO_REGISTER, or the register that holds the value anyway, makes it a TEST.
        """
        control = self.control_of(pc)
        word = self.code[control]
        if word & 0x7F != op.TESTSET:
            return False
        source = word >> 16 & 0xFF
        if register not in (NO_REGISTER, source):
            self.set_a(control, register)
        else:
            self.code[control] = op.TEST | source << 7 | word & 1 << 15
        return True

    def drop_values(self, jumps: JumpList) -> None:
        """Nobody wants the values of these tests."""
        for pc in jumps:
            self._settle_test(pc, NO_REGISTER)

    def needs_value(self, jumps: JumpList) -> bool:
        """Whether any of these jumps comes without a value of its own (it then has to be loaded)."""
        code = self.code
        return any(code[self.control_of(pc)] & 0x7F != op.TESTSET for pc in jumps)

    def patch_values(self, jumps: JumpList, value_target: int, register: int, target: int) -> None:
        """Jumps with a value put it into `register` and lead to `value_target`, the others to `target`."""
        for pc in jumps:
            self.fix_jump(pc, value_target if self._settle_test(pc, register) else target)

    def patch(self, jumps: JumpList, target: int) -> None:
        """Let all jumps lead to `target`; values are dropped."""
        for pc in jumps:
            self._settle_test(pc, NO_REGISTER)
            self.fix_jump(pc, target)

    def patch_here(self, jumps: JumpList) -> None:
        """Let all jumps lead to the next instruction."""
        self.last_target = target = len(self.code)
        if jumps:
            self.patch(jumps, target)

    def finish(self) -> None:
        """The final pass: jumps to jumps lead straight on; returns learn what else they have to do."""
        code = self.code
        closes, parameters = self.needs_close, self.proto.parameters + 1 if self.proto.is_vararg else 0
        returns = (op.RETURN, op.TAILCALL, op.RETURN0, op.RETURN1)
        for pc, word in enumerate(code):
            opcode = word & 0x7F
            if opcode == op.JMP:
                self.fix_jump(pc, self._final_target(pc))
            elif (closes or parameters) and opcode in returns:
                kept = word & (0x00FFFFFF if parameters else 0xFFFFFFFF) & ~0x7F
                code[pc] = (
                    kept | (op.TAILCALL if opcode == op.TAILCALL else op.RETURN) | closes << 15 | parameters << 24
                )

    def _final_target(self, pc: int) -> int:
        """Where the jump at `pc` ends up; gives up after 100 jumps, as they may form a circle."""
        code = self.code
        for _ in range(100):
            word = code[pc]
            if word & 0x7F != op.JMP:
                break
            pc += (word >> 7) - OFFSET_SJ + 1
        return pc
