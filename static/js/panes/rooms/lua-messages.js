// @ts-check
// The messages of Lua's compiler and of the running machine, with the sentences that explain them (explaining.js).

/** @type {import("./explaining.js").Known[]} */
export const KNOWN = [
  // The compiler (llex.c, lparser.c, lcode.c).
  [/'(\S+)' expected \(to close '(\S+)' at line (\d+)\)/, "explain.lua.close", "word", "opener", "line"],
  [/'=' or 'in' expected/, "explain.lua.for"],
  [/<name>.* expected/, "explain.lua.name"],
  [/function arguments expected/, "explain.lua.arguments"],
  [/'(\S+)' expected near/, "explain.lua.expected", "word"],
  [/unexpected symbol near (.+)$/, "explain.lua.symbol", "near"],
  [/syntax error near/, "explain.lua.statement"],
  [/<eof> expected/, "explain.lua.eof"],
  [/unfinished (?:long )?(?:string|comment)/, "explain.lua.unfinished"],
  [/malformed number near (.+)$/, "explain.lua.number", "near"],
  [/escape|decimal digit|hexadecimal digit|UTF-8 value too large/, "explain.lua.escape"],
  [/attempt to assign to const variable '(.+)'/, "explain.lua.const", "name"],
  [/multiple to-be-closed variables/, "explain.lua.closeone"],
  [/unknown attribute/, "explain.lua.attribute"],
  [/break outside/, "explain.lua.break"],
  [/cannot use '\.\.\.' outside/, "explain.lua.vararg"],
  [/no visible label '(.+)' for/, "explain.lua.goto", "name"],
  [/jumps into the scope of local '(.+)'/, "explain.lua.jump", "name"],
  [/label '(.+)' already defined/, "explain.lua.label", "name"],
  [/too many (?:local|upvalues|C levels|constants|functions|labels)|too many registers|control structure too long/, "explain.lua.limit"],
  // The running machine (ldebug.c, lvm.c, ldo.c, lauxlib.c).
  [/attempt to call an? (\w+) value/, "explain.lua.call", "type"],
  [/attempt to index an? (\w+) value/, "explain.lua.index", "type"],
  [/attempt to perform arithmetic on an? (\w+) value/, "explain.lua.arithmetic", "type"],
  [/attempt to concatenate an? (\w+) value/, "explain.lua.concat", "type"],
  [/attempt to get length of an? (\w+) value/, "explain.lua.length", "type"],
  [/attempt to compare/, "explain.lua.compare"],
  [/attempt to perform bitwise|number has no integer representation/, "explain.lua.integer"],
  [/divide by zero|attempt to perform 'n%%?0'/, "explain.lua.zero"],
  [/'for' (?:initial value|limit|step) (?:must be a number|\(number expected)/, "explain.lua.forvalue"],
  [/'for' step is zero/, "explain.lua.forzero"],
  [/stack overflow|C stack overflow/, "explain.lua.overflow"],
  [/bad argument #(\d+) to '(.+?)'/, "explain.lua.argument", "n", "name"],
  [/attempt to yield|cannot resume/, "explain.lua.coroutine"],
  [/not enough memory/, "explain.lua.memory"],
  [/index is (?:nil|NaN)/, "explain.lua.key"],
];
