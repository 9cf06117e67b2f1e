/* Lua patterns over byte buffers: the matcher behind string.find, match, gmatch and gsub. */
#ifndef GLASSBOX_LUA_PATTERN_H
#define GLASSBOX_LUA_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATTERN_MAX_CAPTURES = 32, PATTERN_MAX_DEPTH = 200 };

/* `length` of a capture that is no plain stretch of the subject. */
enum { CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 };

typedef struct PatternCapture {
  const char *start;
  ptrdiff_t length; /* bytes, or CAPTURE_OPEN / CAPTURE_POSITION */
} PatternCapture;

/* What the matcher needs from its caller. `fail` does not return; `number` replaces the message's one %d. */
typedef struct PatternHost {
  void *context;
  void (*charge)(void *context, uint64_t work);
  void (*fail)(void *context, const char *message, int number);
} PatternHost;

typedef struct Matcher {
  const char *subject, *subject_end;
  const char *pattern, *pattern_end;
  PatternHost host;
  uint32_t work;  /* bytes looked at since the last charge */
  int depth;      /* nested attempts: bounded, since each one is a C frame */
  int level;      /* captures begun (open ones included) */
  PatternCapture capture[PATTERN_MAX_CAPTURES];
} Matcher;

void pattern_begin(Matcher *m, PatternHost host, const char *subject, size_t subject_length, const char *pattern,
                   size_t pattern_length);
/* Match the whole pattern at exactly `at`; the end of the match, or NULL. Forgets earlier captures. */
const char *pattern_match_at(Matcher *m, const char *at);
/* Capture `index` (from 0) of a match [from, to): index 0 of a pattern without captures is the whole match. */
PatternCapture pattern_capture(Matcher *m, int index, const char *from, const char *to);
/* How many values the match has: its captures, or 1 for the whole match. */
int pattern_result_count(const Matcher *m);
/* True when `pattern` holds no magic character, so that a plain search finds the same. */
bool pattern_is_plain(const char *pattern, size_t length);
/* First occurrence of `needle` in `hay`, or NULL; charges the host by the bytes looked at. */
const char *pattern_find_plain(PatternHost host, const char *hay, size_t hay_length, const char *needle,
                               size_t needle_length);

#endif
