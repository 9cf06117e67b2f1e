/* xoshiro256**, the generator behind math.random, and the projection of its output onto ranges. */
#ifndef GLASSBOX_LUA_RANDOM_H
#define GLASSBOX_LUA_RANDOM_H

#include <stdint.h>

typedef struct RandomState {
  uint64_t s[4];
} RandomState;

static inline uint64_t random_rotate(uint64_t x, int n) { return (x << n) | (x >> (64 - n)); }

static inline uint64_t random_next(RandomState *state) {
  uint64_t *s = state->s;
  uint64_t result = random_rotate(s[1] * 5, 7) * 9;
  uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = random_rotate(s[3], 45);
  return result;
}

/* The seeding that Lua 5.4 documents: the two parts, a constant between them, sixteen outputs thrown away. */
static inline void random_seed(RandomState *state, uint64_t first, uint64_t second) {
  state->s[0] = first;
  state->s[1] = 0xff;
  state->s[2] = second;
  state->s[3] = 0;
  for (int i = 0; i < 16; i++) random_next(state);
}

/* A float in [0, 1) from the 53 high bits. */
static inline double random_to_float(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; }

/* A number in [0, limit], without bias: draws again while the masked value is too large. */
static inline uint64_t random_project(RandomState *state, uint64_t bits, uint64_t limit) {
  if ((limit & (limit + 1)) == 0) return bits & limit;
  uint64_t mask = UINT64_MAX >> __builtin_clzll(limit);
  while ((bits &= mask) > limit) bits = random_next(state);
  return bits;
}

#endif
