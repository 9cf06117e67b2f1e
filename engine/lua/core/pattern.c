#include "pattern.h"

#include <string.h>

#include "ascii.h"

#define ESCAPE '%'
/* Work is handed to the host in lumps, so that a match of a few bytes costs no call. */
enum { WORK_LUMP = 256 };

static const char *match_from(Matcher *m, const char *s, const char *p);

static void fail(Matcher *m, const char *message, int number) {
  m->host.fail(m->host.context, message, number);
  __builtin_unreachable();
}

static inline void spend(Matcher *m, uint32_t bytes) {
  m->work += bytes;
  if (m->work >= WORK_LUMP) {
    uint32_t work = m->work;
    m->work = 0;
    m->host.charge(m->host.context, work);
  }
}

/* One past the single-character class that starts at `p`: a byte, an escape, or a bracketed set. */
static const char *class_end(Matcher *m, const char *p) {
  char first = *p++;
  if (first == ESCAPE) {
    if (p == m->pattern_end) fail(m, "malformed pattern (ends with '%%')", 0);
    return p + 1;
  }
  if (first != '[') return p;
  if (p < m->pattern_end && *p == '^') p++;
  do { /* a ']' in first place stands for itself */
    if (p >= m->pattern_end) fail(m, "malformed pattern (missing ']')", 0);
    if (*p++ == ESCAPE) p++;
  } while (p >= m->pattern_end || *p != ']');
  return p + 1;
}

/* Does byte `c` belong to the class letter `letter` (as in %a)? An upper-case letter is the complement. */
static bool in_named_class(unsigned char c, unsigned char letter) {
  bool member;
  switch (ascii_lower(letter)) {
    case 'a': member = ascii_is_alpha(c); break;
    case 'c': member = ascii_is_control(c); break;
    case 'd': member = ascii_is_digit(c); break;
    case 'g': member = ascii_is_graph(c); break;
    case 'l': member = ascii_is_lower(c); break;
    case 'p': member = ascii_is_punct(c); break;
    case 's': member = ascii_is_space(c); break;
    case 'u': member = ascii_is_upper(c); break;
    case 'w': member = ascii_is_alnum(c); break;
    case 'x': member = ascii_is_hex(c); break;
    case 'z': member = c == 0; break;
    default: return letter == c;
  }
  return ascii_is_upper(letter) ? !member : member;
}

/* Is `c` in the set written from `p` ('[') to `last` (its ']')? */
static bool in_set(unsigned char c, const char *p, const char *last) {
  bool found = true;
  if (*++p == '^') {
    found = false;
    p++;
  }
  for (; p < last; p++) {
    if (*p == ESCAPE) {
      if (in_named_class(c, (unsigned char)*++p)) return found;
    } else if (p + 2 < last && p[1] == '-') {
      if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2]) return found;
      p += 2;
    } else if ((unsigned char)*p == c) {
      return found;
    }
  }
  return !found;
}

/* Does the byte at `s` belong to the class [p, end)? Never at the subject's end. */
static bool single_matches(Matcher *m, const char *s, const char *p, const char *end) {
  spend(m, 1);
  if (s >= m->subject_end) return false;
  unsigned char c = (unsigned char)*s;
  switch (*p) {
    case '.': return true;
    case ESCAPE: return in_named_class(c, (unsigned char)p[1]);
    case '[': spend(m, (uint32_t)(end - p)); return in_set(c, p, end - 1);
    default: return (unsigned char)*p == c;
  }
}

/* %bxy at `s`; `p` points at x. */
static const char *match_balanced(Matcher *m, const char *s, const char *p) {
  if (p + 1 >= m->pattern_end) fail(m, "malformed pattern (missing arguments to '%%b')", 0);
  if (s >= m->subject_end || *s != p[0]) return NULL;
  int64_t open = 1;
  while (++s < m->subject_end) {
    spend(m, 1);
    if (*s == p[1]) {
      if (--open == 0) return s + 1;
    } else if (*s == p[0]) {
      open++;
    }
  }
  return NULL;
}

/* %f[set] at `s`; `p` points at the '['. The bytes beyond both ends of the subject count as '\0'. */
static bool at_frontier(const Matcher *m, const char *s, const char *p, const char *set_end) {
  unsigned char before = s == m->subject ? 0 : (unsigned char)s[-1];
  unsigned char after = s == m->subject_end ? 0 : (unsigned char)*s;
  return !in_set(before, p, set_end - 1) && in_set(after, p, set_end - 1);
}

/* x* and x+ (after its first x): take as many as possible, then give back one by one. */
static const char *match_greedy(Matcher *m, const char *s, const char *p, const char *end) {
  ptrdiff_t taken = 0;
  while (single_matches(m, s + taken, p, end)) taken++;
  for (; taken >= 0; taken--) {
    const char *result = match_from(m, s + taken, end + 1);
    if (result) return result;
  }
  return NULL;
}

/* x-: take as few as possible. */
static const char *match_lazy(Matcher *m, const char *s, const char *p, const char *end) {
  for (;;) {
    const char *result = match_from(m, s, end + 1);
    if (result) return result;
    if (!single_matches(m, s, p, end)) return NULL;
    s++;
  }
}

static const char *capture_begin(Matcher *m, const char *s, const char *p, ptrdiff_t kind) {
  if (m->level >= PATTERN_MAX_CAPTURES) fail(m, "too many captures", 0);
  m->capture[m->level] = (PatternCapture){.start = s, .length = kind};
  m->level++;
  const char *result = match_from(m, s, p);
  if (!result) m->level--;
  return result;
}

static const char *capture_finish(Matcher *m, const char *s, const char *p) {
  int index = m->level - 1;
  while (index >= 0 && m->capture[index].length != CAPTURE_OPEN) index--;
  if (index < 0) fail(m, "invalid pattern capture", 0);
  m->capture[index].length = s - m->capture[index].start;
  const char *result = match_from(m, s, p);
  if (!result) m->capture[index].length = CAPTURE_OPEN;
  return result;
}

/* %1..%9 at `s`: the same bytes as an earlier, finished capture. */
static const char *match_back_reference(Matcher *m, const char *s, unsigned char digit) {
  int index = digit - '1';
  if (index < 0 || index >= m->level || m->capture[index].length == CAPTURE_OPEN)
    fail(m, "invalid capture index %%%d", index + 1);
  /* A position capture's length is negative, hence larger than any subject: it never matches. */
  size_t length = (size_t)m->capture[index].length;
  if ((size_t)(m->subject_end - s) < length) return NULL;
  spend(m, (uint32_t)length);
  return memcmp(m->capture[index].start, s, length) == 0 ? s + length : NULL;
}

/* The escapes that are more than a class. True when `p` was one; then *s is advanced (NULL: no match) and *p too. */
static bool match_special_escape(Matcher *m, const char **s, const char **p) {
  if (*p + 1 >= m->pattern_end) return false;
  char kind = (*p)[1];
  if (kind == 'b') {
    *s = match_balanced(m, *s, *p + 2);
    *p += 4;
  } else if (kind == 'f') {
    const char *set = *p + 2;
    if (set >= m->pattern_end || *set != '[') fail(m, "missing '[' after '%%f' in pattern", 0);
    *p = class_end(m, set);
    if (!at_frontier(m, *s, set, *p)) *s = NULL;
  } else if (ascii_is_digit((unsigned char)kind)) {
    *s = match_back_reference(m, *s, (unsigned char)kind);
    *p += 2;
  } else {
    return false;
  }
  return true;
}

/* The pattern from `p` on against the subject from `s` on. Sequences loop; only choices and captures recurse. */
static const char *match_sequence(Matcher *m, const char *s, const char *p) {
  while (p < m->pattern_end) {
    if (*p == '(') {
      bool position = p + 1 < m->pattern_end && p[1] == ')';
      return capture_begin(m, s, p + (position ? 2 : 1), position ? CAPTURE_POSITION : CAPTURE_OPEN);
    }
    if (*p == ')') return capture_finish(m, s, p + 1);
    if (*p == '$' && p + 1 == m->pattern_end) return s == m->subject_end ? s : NULL;
    if (*p == ESCAPE && match_special_escape(m, &s, &p)) {
      if (!s) return NULL;
      continue;
    }
    const char *end = class_end(m, p);
    char repeat = end < m->pattern_end ? *end : '\0';
    if (repeat == '-') return match_lazy(m, s, p, end);
    if (repeat == '*') return match_greedy(m, s, p, end);
    bool matched = single_matches(m, s, p, end);
    if (repeat == '+') return matched ? match_greedy(m, s + 1, p, end) : NULL;
    if (repeat == '?') {
      const char *result = matched ? match_from(m, s + 1, end + 1) : NULL;
      if (result) return result;
      p = end + 1;
      continue;
    }
    if (!matched) return NULL;
    s++;
    p = end;
  }
  return s;
}

static const char *match_from(Matcher *m, const char *s, const char *p) {
  if (++m->depth > PATTERN_MAX_DEPTH) fail(m, "pattern too complex", 0);
  spend(m, 1);
  const char *result = match_sequence(m, s, p);
  m->depth--;
  return result;
}

void pattern_begin(Matcher *m, PatternHost host, const char *subject, size_t subject_length, const char *pattern,
                   size_t pattern_length) {
  m->subject = subject;
  m->subject_end = subject + subject_length;
  m->pattern = pattern;
  m->pattern_end = pattern + pattern_length;
  m->host = host;
  m->work = 0;
  m->depth = 0;
  m->level = 0;
}

const char *pattern_match_at(Matcher *m, const char *at) {
  m->level = 0;
  m->depth = 0;
  return match_from(m, at, m->pattern);
}

PatternCapture pattern_capture(Matcher *m, int index, const char *from, const char *to) {
  if (index >= m->level) {
    if (index != 0) fail(m, "invalid capture index %%%d", index + 1);
    return (PatternCapture){.start = from, .length = to - from};
  }
  if (m->capture[index].length == CAPTURE_OPEN) fail(m, "unfinished capture", 0);
  return m->capture[index];
}

int pattern_result_count(const Matcher *m) { return m->level ? m->level : 1; }

bool pattern_is_plain(const char *pattern, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (pattern[i] != '\0' && strchr("^$*+?.([%-", pattern[i])) return false;
  return true;
}

const char *pattern_find_plain(PatternHost host, const char *hay, size_t hay_length, const char *needle,
                               size_t needle_length) {
  if (needle_length == 0) return hay;
  if (needle_length > hay_length) return NULL;
  const char *last = hay + (hay_length - needle_length); /* the last place where it can begin */
  for (const char *at = hay; at <= last; at++) {
    const char *candidate = memchr(at, needle[0], (size_t)(last - at) + 1);
    size_t skipped = (size_t)((candidate ? candidate : last + 1) - at);
    host.charge(host.context, skipped / 16 + 1);
    if (!candidate) return NULL;
    at = candidate;
    size_t same = 1;
    while (same < needle_length && at[same] == needle[same]) same++;
    if (same > 16) host.charge(host.context, same / 16);
    if (same == needle_length) return at;
  }
  return NULL;
}
