"""The Lua 5.4 room: front end (lexer, parser, code generator, listing) in Python, the machine in C under core/."""
