/* Arguments that must be tables, or behave like tables. */
#ifndef LUA_LIB_TABLE_H
#define LUA_LIB_TABLE_H

#include "libraries.h"

enum { TABLE_READ = 1, TABLE_WRITE = 2, TABLE_LENGTH = 4 };

/* Raises unless `arg` is a table or has the metamethods for the given uses. */
void table_arg(Thread *L, int arg, int uses);
/* The same, and its length. */
Integer table_length_arg(Thread *L, int arg, int uses);

#endif
