# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts that a PBX or a directory could hold to do harm where they are written, and how to make random ones."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

TEMPLATES = (
    "200{{ lookup('pipe','touch {marker}') }}",
    "{% for each in [1] %}{{ lookup('pipe','touch {marker}') }}{% endfor %}",
    "{# comment #}{{ 7*7 }}",
    "%{{ 7*7 }}",
)
YAML = (
    "a\nentra_app_exclusive: true",
    "x\n---\ny: !!python/object/apply:os.system ['touch {marker}']",
    "!!python/object/apply:os.system ['touch {marker}']",
    "!vault |\n  $ANSIBLE_VAULT;1.1;AES256",
    "# no comment\n- &anchor *anchor",
    "'\"\\",
    ": #",
    "yes",
    "0x10",
    "~",
)
TERMINAL = (
    "\x1b]0;PWNED\x07",
    "\x1b[2J\x1b[1;1Hok: all is well",
    "\x9b31mred",
    "gpj\u202etxt.exe",
    "a\u2066b\u2069",
    "line\r\nline",
    "\x00nul",
    "bell\x07",
    "back\x08\x08\x08\x08up",
    "tag\U000e0041",
    "lone \ud800 surrogate",
)
FORMULAS = (
    "=1+1",
    "a;=1+1",
    "a;  =cmd|'/C calc'!A0",
    "@SUM(1)",
    "a|+1",
    "a,-1",
    '";"=1',
    "a\t=1",
    "\uff1d1",
    "x:@y",
    "x;'=1",
)
MARKUP = (
    "<script>alert(1)</script>",
    "</failure><failure/>",
    "]]>",
    "| cell |",
    "[link](javascript:alert(1))",
    "![x](http://evil.example/x)",
    "<!--",
    "&lt;",
    "@all",
)
SHELL = (
    "$(touch {marker})",
    "`touch {marker}`",
    "; touch {marker} #",
    "a' ; touch {marker} ; '",
    "--limit=all",
    "&& id",
)
PATHS = (
    "../../../escaped",
    "/etc/escaped",
    "..",
    ".",
    "a/../../b",
    "C:\\escaped",
    "~root",
    "-rf",
    "a\x00b",
    " ",
    "con\nx",
)

HOSTILE = (*TEMPLATES, *YAML, *TERMINAL, *FORMULAS, *MARKUP, *SHELL, *PATHS)

_PIECES = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=8),
    st.sampled_from(
        ["\x1b", "\u202e", "\x9b", "\x85", "\u2028", "{{", "}}", "{%", ";=", "\n", ": ", "../", "'", '"', "`"]
    ),
)
hostile_texts = st.lists(_PIECES, max_size=5).map("".join)
"""Random texts out of such pieces."""


def obeyed_characters(text: str) -> set[str]:
    """Characters that a terminal obeys or that disguise a text; tab and line feed are not among them."""
    return {
        each
        for each in text
        if each not in "\t\n\u200c\u200d" and unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    } - _HARMLESS


_HARMLESS = {chr(number) for number in range(0x600, 0x606)} | {"\u06dd", "\u070f", "\u08e2", "\u0890", "\u0891"}
"""Arabic and Syriac signs that are formally format characters and are shown."""
