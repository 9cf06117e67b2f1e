/* The calls that a backend makes to KVM or to Unicorn, kept so that a visitor can watch what running a guest takes. They are
 * this process's doings, no part of the machine's state: a replay makes calls of its own. */
#include "core.h"

#include <errno.h>
#include <string.h>

static Call made(const Machine *m, uint32_t what, int64_t result, uint32_t reason, const uint64_t arguments[6]) {
  Call call = {.tick = m->st.tick, .result = result, .what = what, .reason = reason};
  memcpy(call.arguments, arguments, sizeof call.arguments);
  return call;
}

/* A call while a CPU is being put in. Answers `result`, and leaves errno as it is. */
int64_t note_setup(Machine *m, uint32_t what, int64_t result, const uint64_t arguments[6]) {
  int error = errno;
  if (m->setup_count < MAX_SETUP_CALLS) m->setup_calls[m->setup_count++] = made(m, what, result, 0, arguments);
  errno = error;
  return result;
}

/* A call while it runs; the last MAX_CALLS are kept. Answers `result`, and leaves errno as it is. */
int64_t note_call(Machine *m, uint32_t what, int64_t result, uint32_t reason, const uint64_t arguments[6]) {
  int error = errno;
  m->calls[m->call_count++ % MAX_CALLS] = made(m, what, result, reason, arguments);
  errno = error;
  return result;
}
