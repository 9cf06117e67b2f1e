/* The machine's own files. They live in the arena like every other object, so they are saved, restored and stepped
 * back with the rest; the host's files are out of reach.
 *
 * A file is a userdata (FileNode) whose user value is a second userdata with the bytes. A table maps paths to files; it
 * is the user value of the registry's userdata "_FILES", out of the reach of programs, which see no user values. A file
 * that was removed lives on while a handle is open. Paths are taken relative to the root,
 * "." and ".." resolved. Folders are not objects: one exists when it is the root, "tmp", or a file's path runs
 * through it.
 */
#ifndef LUA_FILESYSTEM_H
#define LUA_FILESYSTEM_H

#include "native.h"

typedef struct FileNode {
  char *bytes;
  size_t size, capacity;
} FileNode;

/* Errors are numbers of errno, 0 = fine. */
enum { NODE_MUST_EXIST = 0, NODE_CREATE = 1, NODE_EMPTY = 2, NODE_ANYWHERE = 4 };

/* Push the file at `path`; with NODE_CREATE make it if it is not there, with NODE_EMPTY cut it to nothing; NODE_ANYWHERE
   asks for no folder to be there. On an error
   nothing is pushed. */
int node_open(Thread *L, const char *path, int flags);
/* Push a file that has no path. */
FileNode *node_new(Thread *L);
/* Write `size` bytes at offset `at` of the file at stack index `index`; a gap is filled with zeros. */
void node_write(Thread *L, int index, size_t at, const char *bytes, size_t size);
/* Make or replace the file at `path`: how a host fills a machine's files before the run. */
int filesystem_put(Thread *L, const char *path, const char *bytes, size_t size);
int filesystem_remove(Thread *L, const char *path);
int filesystem_rename(Thread *L, const char *from, const char *to);
bool filesystem_is_file(Thread *L, const char *path);
/* What the system would say of an error number that these functions give. */
const char *filesystem_message(int error);

#endif
