/* Files that the host puts into a machine's own file system before its program is loaded.
 *
 * cffi reads the part between the two markers as part of its cdef. */
#ifndef LUA_HOSTFILES_H
#define LUA_HOSTFILES_H
#include "core.h"

/* cdef begins */
/* 0; a number of errno for a path that cannot be; -1 when the machine's memory is used up. */
int machine_add_file(Machine *m, const char *path, const char *bytes, size_t size);
/* cdef ends */

#endif
