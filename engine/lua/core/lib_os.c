/* os.*: time from the journal, files from the machine's own file system, no processes and no environment. */
#include <limits.h>
#include <stdio.h>

#include "calendar.h"
#include "call.h"
#include "filesystem.h"
#include "gc.h"
#include "lib_io.h"
#include "libraries.h"

enum { TMPNAME_TRIES = 10000 };

/* ---- time ---- */

static int os_clock(Thread *L) {
  size_t size;
  const char *text = machine_journal(L, "clock", &size);
  TValue value;
  Number seconds = 0;
  if (text_to_value(text, &value)) seconds = num_of(&value);
  push_number(L, seconds);
  return 1;
}

static int64_t time_now(Thread *L) {
  size_t size;
  const char *text = machine_journal(L, "time", &size);
  TValue value;
  Integer seconds = 0;
  if (text_to_value(text, &value)) value_to_integer(&value, &seconds);
  pop(L, 1);
  return seconds;
}

/* Field `key` of the table on top, `offset` less than written there; `otherwise` when absent (negative: an error). */
static int date_field(Thread *L, const char *key, int otherwise, int offset) {
  int type = get_field(L, -1, key);
  int ok;
  Integer value = to_integer(L, -1, &ok);
  pop(L, 1);
  if (!ok) {
    if (unlikely(type != TYPE_NIL)) error_at(L, "field '%s' is not an integer", key);
    if (unlikely(otherwise < 0)) error_at(L, "field '%s' missing in date table", key);
    return otherwise;
  }
  if (!(value >= 0 ? value - offset <= INT_MAX : INT_MIN + offset <= value))
    error_at(L, "field '%s' is out-of-bound", key);
  return (int)(value - offset);
}

static void set_date_field(Thread *L, const char *key, Integer value) {
  push_integer(L, value);
  set_field(L, -2, key);
}

/* Set the fields of `t` into the table on top. */
static void set_date(Thread *L, const CalendarTime *t) {
  set_date_field(L, "year", t->year);
  set_date_field(L, "month", t->month);
  set_date_field(L, "day", t->day);
  set_date_field(L, "hour", t->hour);
  set_date_field(L, "min", t->minute);
  set_date_field(L, "sec", t->second);
  set_date_field(L, "yday", t->yearday + 1);
  set_date_field(L, "wday", t->weekday + 1);
  push_boolean(L, 0); /* UTC knows no summer time */
  set_field(L, -2, "isdst");
}

static int os_time(Thread *L) {
  if (is_none_or_nil(L, 1)) {
    push_integer(L, time_now(L));
    return 1;
  }
  arg_type(L, 1, TYPE_TABLE);
  set_top(L, 1);
  Integer year = (Integer)date_field(L, "year", -1, 1900) + 1900;
  Integer month = (Integer)date_field(L, "month", -1, 1) + 1;
  int day = date_field(L, "day", -1, 0);
  int hour = date_field(L, "hour", 12, 0);
  int minute = date_field(L, "min", 0, 0);
  int second = date_field(L, "sec", 0, 0);
  int64_t seconds = calendar_seconds(year, month, day, hour, minute, second);
  CalendarTime normal;
  if (!calendar_split(seconds, &normal)) error_at(L, "time result cannot be represented in this installation");
  set_date(L, &normal); /* the table gets its fields normalised */
  push_integer(L, seconds);
  return 1;
}

static void add_date(Thread *L, const char *format, size_t length, const CalendarTime *t) {
  const char *end = format + length;
  Buf b;
  buf_init(L, &b);
  while (format < end) {
    if (*format != '%') {
      buf_char(&b, *format++);
      continue;
    }
    format++;
    size_t conversion = calendar_conversion_length(format, (size_t)(end - format));
    if (conversion == 0) {
      push_format(L, "invalid conversion specifier '%%%s'", format);
      arg_error(L, 1, to_text(L, -1));
    }
    char *out = buf_reserve(&b, CALENDAR_ITEM_SIZE);
    buf_added(&b, calendar_format(out, format, t));
    native_charge(L, CALENDAR_ITEM_SIZE);
    format += conversion;
  }
  buf_push(&b);
}

static int os_date(Thread *L) {
  size_t length;
  const char *format = opt_bytes(L, 1, "%c", &length);
  int64_t seconds = is_none_or_nil(L, 2) ? time_now(L) : arg_integer(L, 2);
  if (*format == '!') format++, length--; /* UTC, which is what there is anyway */
  CalendarTime t;
  if (!calendar_split(seconds, &t)) error_at(L, "date result cannot be represented in this installation");
  if (strcmp(format, "*t") == 0) {
    new_table(L, 0, 9);
    set_date(L, &t);
  } else {
    add_date(L, format, length, &t);
  }
  return 1;
}

static int os_difftime(Thread *L) {
  Integer later = arg_integer(L, 1), earlier = arg_integer(L, 2);
  push_number(L, (Number)later - (Number)earlier);
  return 1;
}

/* ---- files ---- */

static int os_remove(Thread *L) {
  const char *path = arg_text(L, 1);
  int error = filesystem_remove(L, path);
  if (error) return push_failure(L, error, path);
  push_boolean(L, 1);
  return 1;
}

static int os_rename(Thread *L) {
  const char *from = arg_text(L, 1), *to = arg_text(L, 2);
  int error = filesystem_rename(L, from, to);
  if (error) return push_failure(L, error, NULL);
  push_boolean(L, 1);
  return 1;
}

/* The first free name of a fixed sequence: a run must repeat. The file is made, so that the next call skips it. */
static int os_tmpname(Thread *L) {
  for (int i = 1; i <= TMPNAME_TRIES; i++) {
    const char *name = push_format(L, "/tmp/lua_%d", i);
    if (!filesystem_is_file(L, name)) {
      node_open(L, name, NODE_CREATE);
      pop(L, 1);
      return 1;
    }
    pop(L, 1);
  }
  return error_at(L, "unable to generate a unique filename");
}

/* ---- what a machine does not have ---- */

/* The environment of every machine is the same two variables. */
static int os_getenv(Thread *L) {
  const char *name = arg_text(L, 1);
  push_string(L, strcmp(name, "PATH") == 0 ? "/bin" : strcmp(name, "HOME") == 0 ? "/" : NULL);
  return 1;
}

static int os_execute(Thread *L) {
  if (is_none_or_nil(L, 1)) {
    push_boolean(L, 0); /* no shell */
    return 1;
  }
  arg_text(L, 1);
  return error_at(L, "'execute' not supported");
}

static int os_setlocale(Thread *L) {
  static const char *const categories[] = {"all", "collate", "ctype", "monetary", "numeric", "time", NULL};
  const char *locale = opt_bytes(L, 1, NULL, NULL);
  arg_option(L, 2, "all", categories);
  bool known = !locale || *locale == '\0' || strcmp(locale, "C") == 0 || strcmp(locale, "POSIX") == 0;
  push_string(L, known ? "C" : NULL);
  return 1;
}

/* What os.exit(…, true) does before: run the pending __close and all __gc methods. No frame is returned to. */
static Thread *close_state(void) {
  Thread *L = G->main_thread;
  G->running = L;
  thread_reset(L, STATUS_OK);
  gc_close(L);
  return L;
}

/* Ends the program: a HALT whose request is the exit status in digits. A finished machine is not entered again. */
static int os_exit(Thread *L) {
  Integer status = type_at(L, 1) == TYPE_BOOLEAN ? !to_boolean(L, 1) : opt_integer(L, 1, 0);
  if (to_boolean(L, 2)) L = close_state();
  CTL->request[0] = push_format(L, "%d", (int)status);
  CTL->request_size[0] = strlen(CTL->request[0]);
  CTL->finished = 1;
  vm_exit(EXIT_HALT);
  return 0;
}

const NativeReg os_natives[] = {
    {"os.clock", os_clock, NULL},   {"os.date", os_date, NULL},           {"os.difftime", os_difftime, NULL},
    {"os.execute", os_execute, NULL}, {"os.exit", os_exit, NULL},         {"os.getenv", os_getenv, NULL},
    {"os.remove", os_remove, NULL}, {"os.rename", os_rename, NULL},       {"os.setlocale", os_setlocale, NULL},
    {"os.time", os_time, NULL},     {"os.tmpname", os_tmpname, NULL},     {NULL, NULL, NULL},
};

void open_os(Thread *L) { new_library(L, os_natives); }
