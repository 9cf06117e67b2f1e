/* Drives a libFuzzer harness from a pipe: inputs in batches on stdin, one byte an input back on stdout.
 *
 * Batch:  u32 count, then for each input u32 size and its bytes; native byte order.
 * Answer: for each input 1 if it reached code that no input before it reached (always 0 if the harness was compiled
 *         without coverage counters), written once the whole batch has run. An input that takes longer than
 *         SECONDS_AN_INPUT ends the process by SIGALRM, a report of a sanitizer ends it too. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECONDS_AN_INPUT 60

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) { /* the harness's own mutator is not used here */
  (void)data, (void)max_size;
  return size;
}

/* ---- coverage ---- */

typedef struct Counters {
  uint8_t *first, *end;
  uint8_t *seen; /* for each counter the classes of counts that were seen, a bit each */
} Counters;

#define MAX_MODULES 256
static Counters modules[MAX_MODULES];
static int module_count;

void __sanitizer_cov_8bit_counters_init(uint8_t *first, uint8_t *end);
void __sanitizer_cov_8bit_counters_init(uint8_t *first, uint8_t *end) {
  for (int i = 0; i < module_count; i++)
    if (modules[i].first == first) return;
  if (first == end || module_count == MAX_MODULES) return;
  modules[module_count++] = (Counters){first, end, calloc((size_t)(end - first), 1)};
}

void __sanitizer_cov_pcs_init(const uintptr_t *first, const uintptr_t *end);
void __sanitizer_cov_pcs_init(const uintptr_t *first, const uintptr_t *end) { (void)first, (void)end; }

static uint8_t class_of(uint8_t count) { /* as other fuzzers do: 1, 2, 3, 4-7, 8-15, 16-31, 32-127, more */
  return (uint8_t)(1u << (count < 4 ? count - 1 : count < 8 ? 3 : count < 16 ? 4 : count < 32 ? 5 : count < 128 ? 6 : 7));
}

static int take_coverage(void) {
  int fresh = 0;
  for (int i = 0; i < module_count; i++) {
    Counters *m = &modules[i];
    for (size_t at = 0, size = (size_t)(m->end - m->first); at < size; at++) {
      if (!m->first[at]) continue;
      uint8_t class = class_of(m->first[at]);
      fresh |= !(m->seen[at] & class);
      m->seen[at] |= class;
      m->first[at] = 0;
    }
  }
  return fresh;
}

/* ---- batches ---- */

static void must_read(void *to, size_t size) {
  if (fread(to, 1, size, stdin) == size) return;
  fputs("the batch breaks off\n", stderr);
  exit(2);
}

int main(void) {
  uint32_t count, size;
  while (fread(&count, sizeof count, 1, stdin) == 1) {
    for (uint32_t i = 0; i < count; i++) {
      must_read(&size, sizeof size);
      uint8_t *data = malloc(size + !size); /* of its very size, so that a byte too far is seen */
      if (!data) return 2;
      must_read(data, size);
      alarm(SECONDS_AN_INPUT);
      LLVMFuzzerTestOneInput(data, size);
      alarm(0);
      free(data);
      putchar(take_coverage());
    }
    fflush(stdout);
  }
  return 0;
}
