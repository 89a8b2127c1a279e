/* SPDX-License-Identifier: MIT */
/* Found only through target_include_directories. */
#define MINE_STATUS STATUS_SUCCESS
