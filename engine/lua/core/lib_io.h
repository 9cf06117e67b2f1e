/* File handles, shared by the files of the io library. */
#ifndef LUA_LIB_IO_H
#define LUA_LIB_IO_H

#include "filesystem.h"
#include "libraries.h"

typedef enum HandleKind { HANDLE_CLOSED, HANDLE_FILE, HANDLE_STDIN, HANDLE_STDOUT, HANDLE_STDERR } HandleKind;
typedef enum Buffering { BUFFER_NONE, BUFFER_LINE, BUFFER_FULL } Buffering;

/* The userdata behind a FILE*. User values: 1 = the FileNode, or for stdin the piece of input being read;
   2 = a userdata with the bytes written but not yet in the file. */
typedef struct Handle {
  HandleKind kind;
  bool readable, writable, append;
  bool at_end;       /* stdin: its end was announced */
  Buffering buffering;
  size_t position;   /* in the file, or in the piece of input */
  size_t available;  /* stdin: bytes of the piece */
  const char *piece; /* stdin: the piece's bytes */
  char *pending;     /* bytes of user value 2 */
  size_t pending_size;
} Handle;

enum { HANDLE_BODY = 1, HANDLE_PENDING = 2 };
#define HANDLE_TYPE "FILE*"
#define IO_INPUT "_IO_input"
#define IO_OUTPUT "_IO_output"

/* The handle at `index`; NULL when there is something else. The size is looked at too: debug.setmetatable can give any
   userdata the type's metatable. */
Handle *handle_at(Thread *L, int index);
/* Read what the formats at stack indices first…last ask for (none: a line) from the handle at `index`; the number of
   results pushed. */
int handle_read(Thread *L, int index, int first, int last);
/* Read a line without its end onto the stack; false at the end of the input. */
bool handle_read_line(Thread *L, int index, bool keep_end);
/* Read everything that is left. */
void handle_read_all(Thread *L, int index);
/* Write the bytes; an error number. */
int handle_write(Thread *L, int index, const char *bytes, size_t size);
void handle_flush(Thread *L, int index);
/* Push nil, the message of `error` (after "path: " unless path is NULL) and its number. */
int push_failure(Thread *L, int error, const char *path);
/* Push the handle of the machine's standard input. */
void push_standard_input(Thread *L);

#endif
