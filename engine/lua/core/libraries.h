/* What the libraries' files know of each other, and natives.c of all of them. */
#ifndef LUA_LIBRARIES_H
#define LUA_LIBRARIES_H

#include "native.h"

/* Each library's natives, closed by a row of NULLs. The `inner` ones have no global name (iterators, searchers…). */
extern const NativeReg base_natives[], base_inner_natives[];
extern const NativeReg coroutine_natives[], coroutine_inner_natives[];
extern const NativeReg table_natives[], sort_natives[];
extern const NativeReg math_natives[], random_natives[];
extern const NativeReg string_natives[], string_metamethods[], string_pattern_natives[], string_format_natives[],
    string_pack_natives[], string_inner_natives[];
extern const NativeReg utf8_natives[], utf8_inner_natives[];
extern const NativeReg os_natives[];
extern const NativeReg io_natives[], io_methods[], io_metamethods[], io_inner_natives[];
extern const NativeReg package_natives[], package_inner_natives[];
extern const NativeReg debug_natives[];

/* Each pushes its library's table (base: the globals). */
void open_base(Thread *L);
void open_coroutine(Thread *L);
void open_table(Thread *L);
void open_math(Thread *L);
void open_string(Thread *L);
void open_utf8(Thread *L);
void open_os(Thread *L);
void open_io(Thread *L);
void open_package(Thread *L);
void open_debug(Thread *L);

/* The most bytes that a string function makes; larger results are "resulting string too large". */
#define STRING_RESULT_MAX ((size_t)INT32_MAX)

/* Load the file `path` of the machine's file system (NULL: standard input) as a chunk, as load_chunk does. */
int load_file(Thread *L, const char *path, const char *mode);

/* string.dump: push the binary chunk of the Lua function `function`. */
void push_dump(Thread *L, const Proto *proto, bool strip);

#endif
