#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes model/status_names.def from include/wdk/ntstatus.def. Run it when that has changed."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEAD = """/* SPDX-License-Identifier: MIT */
/*
 * One name for each NTSTATUS value of include/wdk/ntstatus.def, ascending by value, for reports.
 * Where several names share a number the first one listed there is used. Made by
 * scripts/status_names.py.
 */
"""

names = {}
for line in (ROOT / "include/wdk/ntstatus.def").read_text().splitlines():
    match = re.match(r"#define (\w+) \(\(NTSTATUS\)0x([0-9A-Fa-f]+)L?\)", line)
    if match:
        names.setdefault(int(match[2], 16), match[1])
rows = "".join(f"STATUS_NAME({names[value]})\n" for value in sorted(names))
(ROOT / "model/status_names.def").write_text(HEAD + rows)
