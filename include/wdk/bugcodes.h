/* SPDX-License-Identifier: MIT */
/* bugcodes.h - alias of wdm_bugcodes.h: bug check codes. */
#include <wdm_bugcodes.h>
