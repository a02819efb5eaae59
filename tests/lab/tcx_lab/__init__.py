# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A laboratory: Microsoft Entra tenants, Microsoft Graph and a fleet of 3CX PBXs in one process, for rehearsals and tests."""

from __future__ import annotations

__version__ = "1.0.0"
