# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has once misled a user, and the test that holds what is right now: none of them is dropped unnoticed."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]

CASES = {
    # what is reported is what was done
    "settings were planned twice and the first plan was reported": "test_drift_between_the_preflight_and_the_write_is_repaired_and_reported",
    "a task that wrote and then failed said that nothing had changed": "test_a_failure_after_a_write_reports_what_was_written",
    "a rollout after its own plan was told as a plan": "test_a_run_that_looks_first_and_writes_then_says_what_was_written",
    "the line at the end left out what the checks had stopped": "test_a_plan_counts_what_the_checks_before_it_have_stopped",
    "nobody could be checked, and nothing would change": "test_totals_of_a_run",
    "nothing to undo told as nothing that differs": "test_a_plan_speaks_of_the_inventory_where_it_was_compared_with_it",
    # green with nothing checked
    "no host in the group": "test_a_group_without_hosts_is_named_with_the_inventory_that_was_read",
    "an inventory that could not be read": "test_an_inventory_that_cannot_be_read_is_named",
    "a mistyped variable of a PBX": "test_a_mistyped_variable_is_told_in_the_terminal_and_in_the_report",
    "a mistyped variable of a playbook": "test_a_slip_in_any_variable_of_any_playbook_is_told",
    "every PBX failed, and the run ended well": "test_a_run_that_could_check_nobody_does_not_end_green",
    "a command in a remedy without the inventory": "test_commands_in_remedies_name_the_inventory_of_the_run",
    "no earlier report, and no report at all": "test_a_report_is_written_although_there_is_none_to_compare_with",
    # what an auditor cannot see
    "a client secret that nobody knows": "test_a_verdict_is_what_the_controls_say",
    "an old certificate that expires later called a successor": "test_no_format_says_compliant_where_one_does_not",
    "a renamed user called one who has left": "test_who_was_renamed_has_not_left",
    "assignment to the application is required": "test_a_required_assignment_needs_attention",
    "the application is disabled": "test_a_disabled_application_is_drift_and_a_failed_control",
    "permissions that are granted, and since when": "test_a_consent_says_since_when_and_for_whom",
    "who has consented": "test_who_has_consented_is_not_checked_and_says_why",
    "one user's consent shown as that of the tenant": "test_what_single_users_have_granted_hides_nothing_of_the_tenant",
    "a needed permission called unneeded for its namesake": "test_application_and_delegated_permissions_of_one_name_are_not_confused",
    "what a rollout would revoke was not granted": "test_what_a_rollout_would_revoke_is_granted_today",
    "expires in 0 days, and today where it was tomorrow": "test_a_certificate_of_the_last_days_is_told_in_words_that_hold_in_every_time_zone",
    "what each tenant has consented to": "test_the_state_of_a_tenant_is_what_its_token_says",
    "a tenant that was not asked": "test_one_row_for_a_tenant_and_what_was_found_wins",
    "what expires did not count": "test_what_expires_is_foreign_or_is_unknown_makes_a_compliant_pbx_one_that_needs_attention",
    "an outage called a broken check": "test_a_sign_in_that_would_not_work_is_broken_with_its_remedy_once",
    "nothing seen called nothing due": "test_a_run_that_has_seen_nobody_calls_nothing_well",
    "unreachable called not compliant": "test_what_could_not_be_checked_is_neither_compliant_nor_not",
    "a part of the fleet called all of it": "test_a_part_of_the_fleet_is_not_told_as_the_whole",
    "an interrupted run called a whole one": "test_a_run_that_ended_before_its_last_batch_says_whom_it_did_not_reach",
    "by whom and from which inventory": "test_the_commit_of_an_inventory_in_git",
    "until when the automation can sign in": "test_a_secret_that_expires_soon_needs_attention_in_every_format",
    "each reason three times": "test_markdown_tells_each_reason_and_remedy_once",
    "one cause twelve times": "test_markdown_tells_the_same_cause_on_many_pbxs_once_with_a_command_for_all_of_them",
    "formats with different sums": "test_every_format_has_the_same_sums",
    "foreign text as a formula": "test_whatever_separates_cells_none_begins_with_a_formula",
    # messages
    "escapes of a PBX reached the terminal": "test_no_foreign_text_reaches_the_terminal_as_it_is",
    "a notice on the stdout of a JSON callback": "test_what_is_said_meanwhile_leaves_the_stdout_of_a_json_callback_alone",
    "a mistyped option": "test_an_unknown_option_is_named_with_the_nearest",
    "an error without what was tried, on what, and what to do": "test_the_sentence_has_its_four_parts",
    "the word of a module for a variable": "test_options_in_remedies_are_marked",
    "true where a dictionary is wanted": "test_a_boolean_is_no_dictionary",
    "a value of another type from a PBX": "test_a_value_of_another_type_is_named",
    "a write that is refused after readings that were not": "test_an_owner_who_is_forbidden_lacks_the_license",
    "a key file in another directory": "test_a_file_in_another_directory_is_told_with_the_path_that_was_tried",
    "the address for the consent with placeholders": "test_a_remedy_names_application_tenant_and_consent_address",
    "a connection that a blacklist closes": "test_a_connection_that_is_closed_may_be_a_blacklist",
    "a rollout that says nothing": "test_a_plan_then_what_was_done_then_nothing",
    "a failure shown twice, once as JSON": "test_each_failure_is_shown_once_without_its_json",
    "one failure of a service warned of twice": "test_what_microsoft_says_twice_is_told_once_and_by_whom_knew_more",
    "one slow PBX and no word": "test_one_slow_pbx_is_named_while_everybody_waits_for_it",
    "one mistake of the operator told for each PBX": "test_what_a_whole_fleet_fails_with_is_told_once_and_counted",
    "modules of the controller that are not installed": "test_a_collection_is_found_or_it_is_not",
    "words that the field does not use": "test_the_field_says_it_otherwise",
}


@cache
def names() -> frozenset[str]:
    """The names of all test functions."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in TESTS.rglob("test_*.py"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, functions))


@pytest.mark.parametrize("case", CASES)
def test_a_test_holds_it(case: str) -> None:
    assert CASES[case] in names(), f"no test of that name holds: {case}"
