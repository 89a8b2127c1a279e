/* SPDX-License-Identifier: MIT */
/* The case of a module that has but one, and which twin it is; none in rule_cases.so. */
#include <ntddk.h>

#ifndef CASE_NAME
#define CASE_NAME ""
#define CASE_MISTAKEN FALSE
#endif

extern const char CaseName[];
extern const BOOLEAN CaseIsMistaken;

const char CaseName[] = CASE_NAME;
const BOOLEAN CaseIsMistaken = CASE_MISTAKEN;
