#!/bin/sh
# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Compares every PBX with the list and writes ./reports. Ends non-zero unless all of them are as they should be.
set -eu
cd "$(dirname "$0")"
exec ansible-playbook tcx.m365.compliance -e compliance_fail_on_drift=true "$@"
