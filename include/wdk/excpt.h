/* SPDX-License-Identifier: MIT */
/* excpt.h - alias of seh.h. */
#include <seh.h>
