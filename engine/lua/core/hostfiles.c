/* See hostfiles.h. */
#include "hostfiles.h"

#include "call.h"
#include "filesystem.h"

typedef struct NewFile {
  const char *path, *bytes;
  size_t size;
  int error;
} NewFile;

static void write_file(Thread *L, void *argument) {
  NewFile *file = argument;
  file->error = filesystem_put(L, file->path, file->bytes, file->size);
}

int machine_add_file(Machine *m, const char *path, const char *bytes, size_t size) {
  machine_activate(m);
  Thread *L = G->main_thread;
  NewFile file = {.path = path, .bytes = bytes, .size = size};
  ptrdiff_t top = stack_offset(L, L->top);
  int status = protect(L, write_file, &file);
  L->top = stack_at(L, top);
  return status == STATUS_OK ? file.error : -1;
}
