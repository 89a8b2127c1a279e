#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fills the examples of README.md and docs/driver-authors.md with what the tools really print.

usage: scripts/doc_outputs.py BUILD_TREE

A line <!-- prints: COMMAND --> in a page stands in front of a code block; the block's text is
replaced by the output of COMMAND (a shell command, run in one empty folder for the whole page, with
BUILD_TREE/bin first in PATH, docs/example beside it). <!-- runs: COMMAND --> only runs one. Numbers
that differ from run to run are left out by the commands themselves.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ["README.md", "docs/driver-authors.md"]
MARK = re.compile(r"<!-- (prints|runs): (.*) -->\n")


def output_of(command, folder, tree):
    environment = dict(os.environ, PATH=f"{tree}/bin:{os.environ['PATH']}",
                       EXAMPLE=str(ROOT / "docs/example"), DRIVERS=f"{tree}/drivers")
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    return "\n".join(lines).replace(str(tree), "build/fuzz").replace(folder, ".").strip("\n")


def fill(page, tree):
    text = page.read_text()
    with tempfile.TemporaryDirectory() as folder:
        at = 0
        while mark := MARK.search(text, at):
            output = output_of(mark[2], folder, tree)
            at = mark.end()
            if mark[1] == "prints":
                block = re.compile(r"```\w*\n.*?```", re.S).match(text, at)
                if block is None:
                    sys.exit(f"{page.name}: no code block behind {mark[0]}")
                new = f"```\n{output}\n```"
                text = text[:at] + new + text[block.end():]
                at += len(new)
    page.write_text(text)


if len(sys.argv) != 2:
    sys.exit("usage: scripts/doc_outputs.py BUILD_TREE")
for name in PAGES:
    fill(ROOT / name, pathlib.Path(sys.argv[1]).resolve())
