#include "calendar.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char *const WEEKDAYS[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char *const MONTHS[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

static int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

static int64_t floor_modulo(int64_t a, int64_t b) {
  int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/* Days from 1970-01-01 to the first day of `month` (1..12) of `year`. Years are counted from March, so that the leap
   day is a year's last. */
static int64_t days_before_month(int64_t year, int month) {
  int64_t shifted = year - (month <= 2);
  int64_t from_march = (month + 9) % 12;
  int64_t leaps = floor_divide(shifted, 4) - floor_divide(shifted, 100) + floor_divide(shifted, 400);
  return 365 * shifted + leaps + (153 * from_march + 2) / 5 - 719468;
}

int64_t calendar_seconds(int64_t year, int64_t month, int64_t day, int64_t hour, int64_t minute, int64_t second) {
  year += floor_divide(month - 1, 12);
  int64_t days = days_before_month(year, (int)floor_modulo(month - 1, 12) + 1) + day - 1;
  return days * 86400 + hour * 3600 + minute * 60 + second;
}

bool calendar_split(int64_t seconds, CalendarTime *out) {
  int64_t days = floor_divide(seconds, 86400);
  int64_t rest = floor_modulo(seconds, 86400);
  /* The mean Gregorian year gives the year to within one; a comparison settles it. */
  int64_t year = 1970 + (int64_t)((double)days / 365.2425);
  while (days_before_month(year, 1) > days) year--;
  while (days_before_month(year + 1, 1) <= days) year++;
  if (year - 1900 < INT_MIN || year - 1900 > INT_MAX) return false;
  int month = 12;
  while (days_before_month(year, month) > days) month--;
  *out = (CalendarTime){
      .year = year,
      .month = month,
      .day = (int)(days - days_before_month(year, month)) + 1,
      .hour = (int)(rest / 3600),
      .minute = (int)(rest / 60 % 60),
      .second = (int)(rest % 60),
      .weekday = (int)floor_modulo(days + 4, 7),
      .yearday = (int)(days - days_before_month(year, 1)),
  };
  return true;
}

size_t calendar_conversion_length(const char *conversion, size_t available) {
  if (available >= 1 && conversion[0] && strchr("aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%", conversion[0])) return 1;
  if (available >= 2 && conversion[1]) {
    if (conversion[0] == 'E' && strchr("cCxXyY", conversion[1])) return 2;
    if (conversion[0] == 'O' && strchr("deHImMSuUVwWy", conversion[1])) return 2;
  }
  return 0;
}

static bool is_leap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

/* The ISO 8601 week number; *year becomes the year that the week belongs to. */
static int iso_week(const CalendarTime *time, int64_t *year) {
  int monday_based = (time->weekday + 6) % 7;
  int week = (time->yearday - monday_based + 10) / 7;
  *year = time->year;
  if (week < 1) {
    --*year;
    int december_31 = (monday_based - time->yearday - 1 + 371) % 7; /* its weekday, Monday = 0 */
    return december_31 == 3 || (december_31 == 4 && is_leap(*year)) ? 53 : 52;
  }
  if (week == 53) {
    int days_in_year = is_leap(time->year) ? 366 : 365;
    int january_1 = (monday_based + days_in_year - time->yearday) % 7; /* of the next year */
    if (january_1 <= 3) {
      ++*year;
      return 1;
    }
  }
  return week;
}

size_t calendar_format(char *out, const char *conversion, const CalendarTime *t) {
  char letter = conversion[0] == 'E' || conversion[0] == 'O' ? conversion[1] : conversion[0];
  int hour12 = t->hour % 12 == 0 ? 12 : t->hour % 12;
  const char *half = t->hour < 12 ? "AM" : "PM";
  int64_t iso_year;
  int week = iso_week(t, &iso_year);
#define PUT(...) ((size_t)snprintf(out, CALENDAR_ITEM_SIZE, __VA_ARGS__))
  switch (letter) {
    case 'a': return PUT("%.3s", WEEKDAYS[t->weekday]);
    case 'A': return PUT("%s", WEEKDAYS[t->weekday]);
    case 'b':
    case 'h': return PUT("%.3s", MONTHS[t->month - 1]);
    case 'B': return PUT("%s", MONTHS[t->month - 1]);
    case 'c':
      return PUT("%.3s %.3s %2d %02d:%02d:%02d %lld", WEEKDAYS[t->weekday], MONTHS[t->month - 1], t->day, t->hour,
                 t->minute, t->second, (long long)t->year);
    case 'C': return PUT("%lld", (long long)floor_divide(t->year, 100));
    case 'd': return PUT("%02d", t->day);
    case 'D':
    case 'x': return PUT("%02d/%02d/%02d", t->month, t->day, (int)floor_modulo(t->year, 100));
    case 'e': return PUT("%2d", t->day);
    case 'F': return PUT("%lld-%02d-%02d", (long long)t->year, t->month, t->day);
    case 'g': return PUT("%02d", (int)floor_modulo(iso_year, 100));
    case 'G': return PUT("%lld", (long long)iso_year);
    case 'H': return PUT("%02d", t->hour);
    case 'I': return PUT("%02d", hour12);
    case 'j': return PUT("%03d", t->yearday + 1);
    case 'm': return PUT("%02d", t->month);
    case 'M': return PUT("%02d", t->minute);
    case 'n': return PUT("\n");
    case 'p': return PUT("%s", half);
    case 'r': return PUT("%02d:%02d:%02d %s", hour12, t->minute, t->second, half);
    case 'R': return PUT("%02d:%02d", t->hour, t->minute);
    case 'S': return PUT("%02d", t->second);
    case 't': return PUT("\t");
    case 'T':
    case 'X': return PUT("%02d:%02d:%02d", t->hour, t->minute, t->second);
    case 'u': return PUT("%d", t->weekday == 0 ? 7 : t->weekday);
    case 'U': return PUT("%02d", (t->yearday + 7 - t->weekday) / 7);
    case 'V': return PUT("%02d", week);
    case 'w': return PUT("%d", t->weekday);
    case 'W': return PUT("%02d", (t->yearday + 7 - (t->weekday + 6) % 7) / 7);
    case 'y': return PUT("%02d", (int)floor_modulo(t->year, 100));
    case 'Y': return PUT("%lld", (long long)t->year);
    case 'z': return PUT("+0000");
    case 'Z': return PUT("GMT");
    default: return PUT("%%");
  }
#undef PUT
}
