/* Calendar arithmetic and strftime in the C locale and UTC: a machine has no time zone of its host's. */
#ifndef GLASSBOX_LUA_CALENDAR_H
#define GLASSBOX_LUA_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CalendarTime {
  int64_t year; /* 2026, not years since 1900 */
  int month;    /* 1..12 */
  int day;      /* 1..31 */
  int hour, minute, second;
  int weekday; /* 0 = Sunday */
  int yearday; /* 0 = 1 January */
} CalendarTime;

/* Room that one conversion of calendar_format can need. */
enum { CALENDAR_ITEM_SIZE = 96 };

/* Seconds since 1970-01-01 00:00 UTC of the given fields, each of which may lie outside its usual range. */
int64_t calendar_seconds(int64_t year, int64_t month, int64_t day, int64_t hour, int64_t minute, int64_t second);
/* The fields of `seconds`. False when the year is beyond what C's `struct tm` holds. */
bool calendar_split(int64_t seconds, CalendarTime *out);
/* Length of the valid conversion (after the '%') that `conversion` begins with, 0 when it is not a valid one. */
size_t calendar_conversion_length(const char *conversion, size_t available);
/* Write the conversion's text for `time` to `out` (room for CALENDAR_ITEM_SIZE); the number of bytes. */
size_t calendar_format(char *out, const char *conversion, const CalendarTime *time);

#endif
