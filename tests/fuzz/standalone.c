/* Drives a libFuzzer harness without libFuzzer: mutates the files of a corpus from a seed, for a number of executions.
 *
 * `standalone SEED COUNT FILE…`; `standalone - FILE…` runs the files as they are. No coverage feedback, so it finds less
 * than libFuzzer, but it needs nothing except a compiler and repeats exactly. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INPUT 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static uint64_t state = 1;

static uint32_t draw(uint32_t limit) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % limit;
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) {
  if (size == 0 || size >= max_size) return size;
  uint32_t at = draw((uint32_t)size);
  switch (draw(4)) {
    case 0: data[at] ^= (uint8_t)(1u << draw(8)); return size;
    case 1: data[at] = (uint8_t)draw(256); return size;
    case 2: memmove(data + at, data + at + 1, size - at - 1); return size - 1;
    default: memmove(data + at + 1, data + at, size - at); return size + 1;
  }
}

static uint8_t *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  uint8_t *data = malloc(MAX_INPUT);
  if (!file || !data) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(2);
  }
  *size = fread(data, 1, MAX_INPUT, file);
  fclose(file);
  return data;
}

int main(int argc, char **argv) {
  int as_they_are = argc > 1 && strcmp(argv[1], "-") == 0;
  int first = as_they_are ? 2 : 3;
  if (argc <= first) return 2;
  uint64_t count = as_they_are ? 0 : strtoull(argv[2], NULL, 10);
  if (!as_they_are) state = strtoull(argv[1], NULL, 10) + 1;
  static uint8_t input[MAX_INPUT];
  for (int i = first; i < argc; i++) {
    size_t size;
    uint8_t *data = read_file(argv[i], &size);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
  }
  int loaded = -1;
  size_t seed_size = 0;
  uint8_t *seed = NULL;
  for (uint64_t n = 0; n < count; n++) {
    int which = first + (int)(n * (uint64_t)(argc - first) / count);
    if (which != loaded) {
      free(seed);
      seed = read_file(argv[loaded = which], &seed_size);
    }
    memcpy(input, seed, seed_size);
    size_t size = seed_size;
    for (uint32_t k = 1 + draw(3); k > 0; k--) size = LLVMFuzzerCustomMutator(input, size, MAX_INPUT, draw(1u << 31));
    LLVMFuzzerTestOneInput(input, size);
  }
  free(seed);
  printf("%llu\n", (unsigned long long)count);
  return 0;
}
