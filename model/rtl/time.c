/* SPDX-License-Identifier: MIT */
/*
 * System time (100 ns since 1601-01-01) and calendar fields. The calendar is the Gregorian one
 * throughout.
 */
#include "model/rtl/rtl.h"

#define TICKS_PER_MS 10000ll
#define TICKS_PER_SECOND 10000000ll
#define TICKS_PER_DAY (86400 * TICKS_PER_SECOND)
#define SECONDS_1601_TO_1970 11644473600ll

/* Days from 1601-01-01 to the first of a month; the year counted from March makes February last. */
static LONGLONG days_to(LONGLONG year, LONGLONG month)
{
    LONGLONG y = month > 2 ? year : year - 1;
    LONGLONG m = month > 2 ? month - 3 : month + 9;
    LONGLONG days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5;
    return days - 584694; /* what the formula gives for 1601-01-01 */
}

static LONGLONG month_days(LONGLONG year, LONGLONG month)
{
    return month == 12 ? 31 : days_to(year, month + 1) - days_to(year, month);
}

void RtlTimeToTimeFields(PLARGE_INTEGER Time, PTIME_FIELDS TimeFields)
{
    struct sim *s = model_enter(ROUTINE_RtlTimeToTimeFields);
    LONGLONG days, ticks, year, month = 1;
    model_touch(s, Time, sizeof(*Time), "Time");
    model_touch(s, TimeFields, sizeof(*TimeFields), "TimeFields");
    days = Time->QuadPart / TICKS_PER_DAY;
    ticks = Time->QuadPart % TICKS_PER_DAY;
    year = 1601 + days / 366; /* never too late */
    while (days_to(year + 1, 1) <= days) {
        year++;
    }
    while (month < 12 && days_to(year, month + 1) <= days) {
        month++;
    }
    TimeFields->Year = (CSHORT)year;
    TimeFields->Month = (CSHORT)month;
    TimeFields->Day = (CSHORT)(days - days_to(year, month) + 1);
    TimeFields->Hour = (CSHORT)(ticks / (3600 * TICKS_PER_SECOND));
    TimeFields->Minute = (CSHORT)(ticks / (60 * TICKS_PER_SECOND) % 60);
    TimeFields->Second = (CSHORT)(ticks / TICKS_PER_SECOND % 60);
    TimeFields->Milliseconds = (CSHORT)(ticks / TICKS_PER_MS % 1000);
    TimeFields->Weekday = (CSHORT)((days + 1) % 7); /* 1601-01-01 was a Monday */
    model_leave(s);
}

static bool is_date(const TIME_FIELDS *f)
{
    return f->Year >= 1601 && f->Year <= 30827 && f->Month >= 1 && f->Month <= 12 && f->Day >= 1 &&
           f->Day <= month_days(f->Year, f->Month) && f->Hour >= 0 && f->Hour <= 23 &&
           f->Minute >= 0 && f->Minute <= 59 && f->Second >= 0 && f->Second <= 59 &&
           f->Milliseconds >= 0 && f->Milliseconds <= 999;
}

BOOLEAN RtlTimeFieldsToTime(PTIME_FIELDS TimeFields, PLARGE_INTEGER Time)
{
    struct sim *s = model_enter(ROUTINE_RtlTimeFieldsToTime);
    const TIME_FIELDS *f = TimeFields;
    BOOLEAN is_valid;
    model_touch(s, f, sizeof(*f), "TimeFields");
    model_touch(s, Time, sizeof(*Time), "Time");
    is_valid = is_date(f);
    if (is_valid) {
        LONGLONG days = days_to(f->Year, f->Month) + f->Day - 1;
        LONGLONG seconds = (f->Hour * 60ll + f->Minute) * 60 + f->Second;
        Time->QuadPart =
            days * TICKS_PER_DAY + seconds * TICKS_PER_SECOND + f->Milliseconds * TICKS_PER_MS;
    }
    model_leave(s);
    return is_valid;
}

BOOLEAN RtlTimeToSecondsSince1970(PLARGE_INTEGER Time, PULONG ElapsedSeconds)
{
    struct sim *s = model_enter(ROUTINE_RtlTimeToTimeFields);
    LONGLONG seconds;
    BOOLEAN fits;
    model_touch(s, Time, sizeof(*Time), "Time");
    model_touch(s, ElapsedSeconds, sizeof(*ElapsedSeconds), "ElapsedSeconds");
    seconds = Time->QuadPart / TICKS_PER_SECOND - SECONDS_1601_TO_1970;
    fits = seconds >= 0 && seconds <= MAXULONG;
    if (fits) {
        *ElapsedSeconds = (ULONG)seconds;
    }
    model_leave(s);
    return fits;
}

void RtlSecondsSince1970ToTime(ULONG ElapsedSeconds, PLARGE_INTEGER Time)
{
    struct sim *s = model_enter(ROUTINE_RtlTimeFieldsToTime);
    model_touch(s, Time, sizeof(*Time), "Time");
    Time->QuadPart = (ElapsedSeconds + SECONDS_1601_TO_1970) * TICKS_PER_SECOND;
    model_leave(s);
}
