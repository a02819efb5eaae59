# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A list of customers as the inventory plugin reads it: from a file or an address to the hosts of an inventory.

``source`` gets the bytes, ``delimited``, ``workbook`` and ``tree`` make a :class:`~.model.Table` of them, ``columns`` and
``hosts`` make hosts of its rows. ``export`` writes such a list of what ``capture`` has written, ``entry`` a single PBX. Nothing here
knows Ansible; everything that a list holds is data of others.
"""
