/* Positions in strings, shared by the files of the string library. */
#ifndef LUA_LIB_STRING_H
#define LUA_LIB_STRING_H

#include "libraries.h"

/* A start position as written by a program (negative from the end), clipped to [1, …]. */
Integer string_start(Integer position, size_t length);
/* An end position, clipped to […, length]; may be 0. */
Integer string_end(Integer position, size_t length);

#endif
