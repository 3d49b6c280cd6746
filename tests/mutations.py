"""`make mutate`: takes each rule of `docs/coverage.md` away, one at a time, and wants its test to fail.

`python -m tests.mutations [T-24 …]` works on a copy of the tree and on a database of its own. A rule in Python, or in a
function of the database, is a piece of text that another takes the place of; one in a trigger is switched off. Prints
one line a mutation; exit code 1 when a test did not notice.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from personalize.start.postgres import THROWAWAY, Postgres

ROOT = Path(__file__).resolve().parent.parent
FILE, FUNCTION, TRIGGER = "file", "function", "trigger"
DATABASE = "test_postgres"  # what pytest-django makes of the server's own database


@dataclass(frozen=True, slots=True)
class Mutation:
    """One rule taken away.

    where  "file <path>", "function <name>" or "trigger <table> <name>" · old, new  what takes whose place there
    test   the test that must fail
    """

    code: str
    where: str
    old: str
    new: str
    test: str

    @property
    def kind(self) -> str:
        """FILE, FUNCTION or TRIGGER."""
        return self.where.partition(" ")[0]

    @property
    def thing(self) -> str:
        """The path, the function's name, or "<table> <trigger>"."""
        return self.where.partition(" ")[2]


MUTATIONS = (
    Mutation("N-07", "file campaigns/learning/rewards.py",
             'if weights["open"] + weights["click"] > MOST_ENGAGEMENT * won + 1e-12:', "if False:",
             "tests/campaigns/test_learning_pages.py::test_a_reward_is_proposed_refused_and_put_before_the_reviewers"),
    Mutation("N-07", "file campaigns/lab/tradeoffs.py", "share * opened + (1 - share) * served for", "opened for",
             "tests/campaigns/test_tradeoffs.py::test_the_curve_shows_that_opens_are_bought_with_outcomes"),
    Mutation("N-08", "function campaigns_pressed", "if spared is not null then", "if false then",
             "tests/campaigns/test_wellbeing.py::test_workers_at_once_never_spend_more_than_the_budget"),
    Mutation("N-08", "trigger compliance_reviewitem review_guard_ending", "", "",
             "tests/campaigns/test_wellbeing.py::test_n08_the_policy_in_force_ends_by_two_reviewers_and_never_by_one"),
    Mutation("N-08", "file compliance/judging/endings.py",
             "if Role.OFFICER not in (first.role, by.role):", "if False:",
             "tests/campaigns/test_wellbeing.py::test_n08_the_policy_in_force_ends_by_two_reviewers_and_never_by_one"),
    Mutation("N-08", "trigger compliance_reviewitem a_policy_begins_calm", "", "",
             "tests/campaigns/test_wellbeing.py"
             "::test_n08_a_policy_approved_while_the_market_is_past_its_mark_begins_calm"),
    Mutation("N-09", "file campaigns/fairness/slices.py", "is_told = n >= FEW and (", "is_told = True or (",
             "tests/campaigns/test_fairness_board.py::test_few_are_never_told_not_even_by_subtraction"),
    Mutation("N-09", "file campaigns/fairness/slices.py",
             "if empty and told and (len(empty) < 2", "if False and (False",
             "tests/campaigns/test_fairness_board.py::test_few_are_never_told_not_even_by_subtraction"),
    Mutation("N-09", "file campaigns/fairness/guard.py", 'if newest.verdict != "fail":', "if True:",
             "tests/campaigns/test_fairness.py"
             "::test_a_campaign_that_treats_groups_unlike_pauses_and_a_second_person_resumes"),
    Mutation("N-11", "trigger compliance_secondreading second_reading_stands", "", "",
             "tests/compliance/test_second_readings.py::test_whoever_had_a_part_in_it_never_reads_it_again"),
    Mutation("N-11", "function compliance_second_reading_stands", "not new.reader_id = any(old.seen_by)", "true",
             "tests/compliance/test_second_readings.py::test_nobody_gets_a_text_twice_and_time_decides_nothing"),
    Mutation("N-11", "function compliance_took_part", "c.by_id = person", "false",
             "tests/compliance/test_second_readings.py::test_whoever_had_a_part_in_it_never_reads_it_again"),
    Mutation("N-11", "function compliance_is_fit_for", "i.about = reading.campaign", "false",
             "tests/compliance/test_second_verdicts.py"
             "::test_whoever_has_an_interest_or_lacks_competence_neither_reads_nor_settles"),
    Mutation("N-11", "function compliance_second_reading_stands", "interval '2 hours'", "interval '2 years'",
             "tests/compliance/test_second_readings.py"
             "::test_a_verdict_is_said_by_an_editor_at_work_in_time_and_only_a_difference_is_settled"),
    Mutation("N-11", "file compliance/reviewing/secondreadings.py", "    bulk.take_turns(one.campaign)", "    pass",
             "tests/compliance/test_second_verdicts.py"
             "::test_two_who_settle_at_once_count_each_other_and_stop_a_campaign_once"),
    Mutation("N-11", "file compliance/reviewing/blind.py", "if mine is None:", "if True:",
             "tests/walls/test_blind.py::test_the_first_verdict_is_nowhere_while_it_is_read_again"),
    Mutation("N-11", "file compliance/api/base.py",
             "if blind.reading(request.user, at=now()) is not None:", "if False:",
             "tests/walls/test_blind.py::test_the_first_verdict_is_nowhere_while_it_is_read_again"),
    Mutation("T-01", "function compliance_answer", "when s.state is null then 'unknown'",
             "when s.state is null then 'ok'",
             "tests/compliance/test_consent.py::test_unknown_is_no_for_every_purpose_and_channel"),
    Mutation("T-01", "function campaigns_verdict", "if why <> '' then", "if false then",
             "tests/campaigns/test_delivery.py::test_a_withdrawal_between_claim_and_intent_stops_the_message"),
    Mutation("T-02", "function compliance_consent_fold", "t.channel = 'any' and compliance_consent_denies(t.action)",
             "false",
             "tests/compliance/test_consent_histories.py::test_two_hundred_histories_against_an_independent_oracle"),
    Mutation("T-03", "function compliance_call_bar", "when last.is_listed then 'listed'", "when false then 'listed'",
             "tests/compliance/test_calls.py::test_t03_a_listed_number_is_called_on_its_owners_own_yes_alone"),
    Mutation("T-03", "function compliance_call_bar", "last.screened_on >= day", "last.screened_on >= day - 99",
             "tests/compliance/test_calls.py::test_t03_no_call_without_a_list_in_date"),
    Mutation("T-03", "trigger compliance_callscreening screening_stands", "", "",
             "tests/compliance/test_calls.py::test_t03_what_a_register_said_never_changes"),
    Mutation("T-03", "function compliance_consent_fold", "a.purpose in ('marketing', 'partner', 'affiliate', 'prof",
             "a.purpose in ('marketing', 'partner', 'prof",
             "tests/compliance/test_calls.py::test_t03_the_groups_other_firms_are_a_choice_of_their_own"),
    Mutation("T-04", "file personalize/views/portal.py", "if _asks_gpc(request):", "if False:",
             "tests/personalize/test_portal.py::test_gpc_is_recorded_once_shown_and_shares_nothing"),
    Mutation("T-05", "file campaigns/mail.py", "List-Unsubscribe-Post: List-Unsubscribe=One-Click\\r\\n", "",
             "tests/campaigns/test_assembly.py::test_the_headers_are_those_of_an_honest_sender"),
    Mutation("T-06", "trigger compliance_consentevent consent_is_folded", "", "",
             "tests/campaigns/test_tracking.py::test_one_click_is_in_force_before_the_page_answers"),
    Mutation("T-07", "function campaigns_verdict", "for no key update", "",
             "tests/campaigns/test_delivery.py::test_an_opt_out_and_a_hand_over_take_turns"),
    Mutation("T-08", "function campaigns_verdict", "return 'quiet';", "null;",
             "tests/campaigns/test_delivery.py::test_quiet_hours_put_a_message_off_until_the_clients_morning"),
    Mutation("T-09", "file personalize/views/portal.py",
             "(consent.withdraw if line.event else consent.refuse)(client.pk, **question)", "pass",
             "tests/personalize/test_portal.py::test_yes_and_no_take_one_press_each_and_hold_at_once"),
    Mutation("T-10", "file compliance/words/lint.py", "return rule.deniable and bool(", "return bool(",
             "tests/compliance/test_words.py::test_the_development_cases_are_routed_rightly"),
    Mutation("T-11", "file campaigns/structure.py",
             'return ["The disclosure stands after the call to action."] if late else []', "return []",
             "tests/campaigns/test_structure.py"
             "::test_t11_a_layout_that_fails_makes_no_message_and_blocks_the_launch"),
    Mutation("T-12", "file campaigns/performance.py", 'SHARE.fullmatch(one["gross"]) and SHARE.fullmatch(one["net"])',
             'SHARE.fullmatch(one["gross"])',
             "tests/campaigns/test_performance.py::test_t12_performance_that_is_not_whole_is_refused"),
    Mutation("T-12", "function campaigns_performance_is_whole", "one ->> 'net' ~", "one ->> 'gross' ~",
             "tests/campaigns/test_performance.py::test_t12_raw_sql_keeps_no_half_performance"),
    Mutation("T-13", "file campaigns/exposure.py", "for label in sensitive_fields(one.body)", "for label in []",
             "tests/campaigns/test_audience.py::test_t13_no_sensitive_value_shows_on_a_lock_screen_or_in_an_address"),
    Mutation("T-14", "file campaigns/layout.py", "one.provenance != Provenance.PERSON", "False",
             "tests/campaigns/test_structure.py"
             "::test_t14_what_a_machine_wrote_is_marked_on_the_block_and_wherever_it_is_published"),
    Mutation("T-20", "trigger compliance_approval review_guard_approval", "", "",
             "tests/compliance/test_review.py::test_raw_sql_cannot_approve_ones_own_text_either"),
    Mutation("T-20", "file compliance/judging/competence.py", "return [] if ANY in has else sorted(areas - has)",
             "return []", "tests/compliance/test_reviewers.py::test_only_the_competent_approve_a_topic"),
    Mutation("T-21", "file campaigns/audience.py", "if markets and not set.intersection(*markets):", "if False:",
             "tests/campaigns/test_audience.py::test_t21_blocks_of_different_markets_are_no_message"),
    Mutation("T-21", "file personalize/decide/limits.py",
             "NON_MASS_MARKET not in one or who in (PROFESSIONAL, CERTIFIED)", "True",
             "tests/campaigns/test_safeguards.py::test_t21_non_mass_market_words_reach_only_the_certified"),
    Mutation("T-21", "function campaigns_pressed", "elsif one.is_barred then", "elsif false then",
             "tests/campaigns/test_safeguards.py"
             "::test_t21_a_certificate_that_was_taken_back_stops_the_message_at_the_last_gate"),
    Mutation("T-21", "file campaigns/duties.py", "all(_certified(one) for one in rule[\"any\"])",
             "any(_certified(one) for one in rule[\"any\"])",
             "tests/campaigns/test_safeguards.py::test_t21_a_campaign_about_them_asks_for_the_certificate"),
    Mutation("T-21", "trigger compliance_certificate certificate_stands", "", "",
             "tests/compliance/test_safeguards.py::test_t21_a_certificate_counts_on_its_days_only_and_stands"),
    Mutation("T-21", "function compliance_certificate_stands", "fine := compliance_is_officer(new.recorded_by_id);",
             "fine := true;",
             "tests/compliance/test_safeguards.py::test_t21_only_officers_write_a_certificate_down"),
    Mutation("T-21", "function compliance_screening_stands", "fine := compliance_is_erased(old.client_id)",
             "fine := true",
             "tests/compliance/test_safeguards.py"
             "::test_t21_proof_goes_with_the_person_or_after_its_years_and_never_while_held"),
    Mutation("T-22", "trigger compliance_approval review_guard_evidence", "", "",
             "tests/compliance/test_evidence.py::test_t22_raw_sql_cannot_make_an_approval_outlive_its_evidence"),
    Mutation("T-23", "function campaigns_verdict", "return 'stopped';", "null;",
             "tests/campaigns/test_switches_and_fence.py"
             "::test_a_thrown_switch_keeps_what_it_covers_until_two_have_released_it"),
    Mutation("T-24", "file campaigns/coverage.py", "if unread := found.unread:", "if unread := []:",
             "tests/campaigns/test_coverage.py::test_t24_one_character_more_is_another_text_that_nobody_read"),
    Mutation("T-25", "file compliance/promotions.py", "if filed is None or hours.business_days(filed.filed_on, on, "
             "holidays=holidays) < DAYS:", "if filed is None:",
             "tests/compliance/test_promotions.py::test_t25_what_must_be_filed_before_use_waits_ten_business_days"),
    Mutation("T-26", "file compliance/promotions.py", "if kept is None and set(topics) & RESTRICTED:", "if False:",
             "tests/compliance/test_promotions.py::test_t26_a_restricted_investment_states_its_ground"),
    Mutation("T-27", "file compliance/promotions.py",
             "done = waiting.filter(started_at__lte=at - COOL).update", "done = waiting.update",
             "tests/compliance/test_promotions.py::test_t27_nothing_for_24_hours_then_the_client_is_asked"),
    Mutation("T-27", "file campaigns/live/deciding.py", "if not row.is_cooled:", "if False:",
             "tests/campaigns/test_live_cooling.py::test_t27_a_page_waits_for_the_24_hours_and_the_answer"),
    Mutation("T-27", "file campaigns/serving.py",
             "if not promotions.cooled(ids, openings.topics(run.plan), at=at)[0]:", "if False:",
             "tests/campaigns/test_live_cooling.py::test_t27_a_page_waits_for_the_24_hours_and_the_answer"),
    Mutation("T-28", "file compliance/promotions.py", "if test.sample < LEAST_SAMPLE:", "if False:",
             "tests/compliance/test_promotions.py::test_t28_a_high_impact_promotion_was_understood_first"),
    Mutation("T-29", "file compliance/judging/quorum.py", "if len(known) < len(set(topics)):", "if False:",
             "tests/compliance/test_review.py::test_an_unknown_topic_fails_closed"),
    Mutation("T-30", "function campaigns_words_may_go", "and (not v.is_bound or", "and (true or",
             "tests/campaigns/test_figures.py"
             "::test_t30_what_shows_a_figure_that_ended_waits_and_goes_on_once_it_is_renewed"),
    Mutation("T-30", "function campaigns_figures_stand", "not campaigns_shows(b.body, newest.words)",
             "position(newest.words in b.body) = 0",
             "tests/campaigns/test_figures.py::test_t30_another_number_that_ends_alike_does_not_show_the_figure"),
    Mutation("T-31", "file compliance/promotions.py", "return recipients > RETAIL_ABOVE", "return False",
             "tests/compliance/test_promotions.py::test_t31_the_26th_recipient_makes_it_retail"),
    Mutation("T-32", "file personalize/fitting.py", "if why := features.refusal(code):", 'if why := "":',
             "tests/campaigns/test_forbidden.py"
             "::test_t32_protected_features_and_their_proxies_are_refused_by_every_door"),
    Mutation("T-32", "file campaigns/bulk/circumstances.py", "WHERE v.client_id = c.id AND v.ended_at IS NULL",
             "WHERE v.client_id = c.id AND v.ended_at IS NULL AND v.review_on > %(at)s",
             "tests/campaigns/test_safeguards.py"
             "::test_t32_vulnerability_closes_and_never_opens_also_past_its_review_day"),
    Mutation("T-32", "function campaigns_spared", "most := least(most, 49);", "null;",
             "tests/campaigns/test_safeguards.py"
             "::test_t32_whoever_is_noted_after_the_decision_is_not_pressed_at_the_last_gate"),
    Mutation("T-32", "file personalize/decide/limits.py", "UNSUITED if is_veiled and code in SPARING",
             "UNSUITED if False",
             "tests/campaigns/test_safeguards.py::test_t32_only_officers_are_told_that_a_client_is_to_be_spared"),
    Mutation("T-32", "file campaigns/desks.py", "if not discretion.may_read_all(person):", "if False:",
             "tests/campaigns/test_safeguards.py"
             "::test_t32_a_marketer_reads_no_figure_of_pressure_on_pages_and_in_calls"),
    Mutation("T-32", "trigger campaigns_campaign nobody_chosen_changed", "", "",
             "tests/campaigns/test_safeguards.py::test_t32_vulnerability_is_no_audience_no_rule_and_no_feature"),
    Mutation("T-32", "trigger compliance_vulnerability vulnerability_stands", "", "",
             "tests/compliance/test_safeguards.py::test_t32_raw_sql_ends_no_protection"),
    Mutation("T-32", "function compliance_vulnerability_stands", "in (select compliance_person(old.client_id))",
             "is not null",
             "tests/compliance/test_safeguards.py"
             "::test_t32_what_protects_moves_between_records_of_one_person_alone"),
    Mutation("T-32", "function compliance_vulnerability_stands",
             "compliance_is_officer(new.end_asked_by_id) and not compliance_is_officer(old.end_asked_by_id)", "true",
             "tests/compliance/test_safeguards.py::test_t32_only_active_officers_note_ask_and_end"),
    Mutation("T-32", "file compliance/views/safeguards.py", "if not vulnerability.may(_staff(request)):", "if False:",
             "tests/compliance/test_safeguards.py::test_the_pages_are_for_officers_and_say_that_they_looked"),
    Mutation("T-32", "file compliance/vulnerability.py", "if found.end_asked_by_id == by.pk:", "if False:",
             "tests/compliance/test_safeguards.py"
             "::test_t32_vulnerability_is_ended_by_two_officers_and_never_by_one"),
    Mutation("T-32", "file compliance/api/safeguards.py",
             "if is_offered and not vulnerability.may(request.user):", "if False:",
             "tests/compliance/test_safeguards_api.py::test_nobody_but_an_officer_notes_or_reads"),
    Mutation("T-33", "file personalize/registry/steps.py", "if lacking := fields.missing(model):", "if lacking := []:",
             "tests/personalize/test_steps.py"
             "::test_t33_each_field_that_the_card_lacks_keeps_a_model_from_every_step"),
    Mutation("T-33", "trigger personalize_artefact personalize_guard_bounds", "", "",
             "tests/campaigns/test_learning.py::test_a_failed_gate_takes_the_policy_back_to_rules"),
    Mutation("T-33", "function personalize_guard_stage", "a.stage = 'live'", "true",
             "tests/campaigns/test_learning.py::test_a_failed_gate_takes_the_policy_back_to_rules"),
    Mutation("T-33", "function compliance_answer", "then 'no_record'", "then 'ok'",
             "tests/compliance/test_processing.py::test_t33_without_a_record_in_date_every_answer_is_no"),
    Mutation("T-33", "function campaigns_verdict", "if why = 'no_record' then", "if false then",
             "tests/campaigns/test_switches_and_fence.py::test_t33_what_waits_for_a_record_goes_once_one_stands"),
    Mutation("T-33", "function compliance_record_follows_its_review", "later.version > made.version", "false",
             "tests/compliance/test_processing.py::test_t33_an_older_record_takes_no_newer_ones_place"),
    Mutation("T-33", "trigger compliance_purposerecord record_stands", "", "",
             "tests/compliance/test_processing.py::test_t33_nobody_writes_a_standing_by_hand"),
    Mutation("T-34", "file personalize/learn/fairness.py", "if found.n < found.needed:", "if False:",
             "tests/personalize/test_fairness.py::test_too_few_clients_are_never_a_pass"),
    Mutation("T-35", "file campaigns/choosing/why.py", "less = likely < before[rows] - SAME", "less = likely < 2.0",
             "tests/campaigns/test_reasons_named.py::test_t35_whatever_is_named_made_the_choice_likelier"),
    Mutation("T-36", "function compliance_answer", "when c.restricted_at is not null then", "when false then",
             "tests/campaigns/test_restriction.py::test_t36_gate_scoring_and_audiences_respect_a_restriction"),
    Mutation("T-40", "trigger compliance_topic keep_image_of_update", "", "",
             "tests/compliance/test_ledger.py::test_every_way_to_change_a_row_is_kept_once"),
    Mutation("T-43", "trigger compliance_ledgerentry only_added_to", "", "",
             "tests/compliance/test_ledger.py::test_records_are_only_ever_added_to"),
    Mutation("T-41", "function compliance_keep_image", "r::text as row_text from images r offset 0",
             "r::text as row_text from images r "
             "where (select count(s) from images s where r is distinct from null) > 0 offset 0",
             "tests/compliance/test_ledger.py"
             "::test_t41_a_bulk_change_after_a_single_one_costs_a_few_times_an_untracked_one"),
    Mutation("T-42", "file compliance/asof.py", 'row[1] == "row.delete"', 'row[1] == "row.insert"',
             "tests/compliance/test_explorer.py::test_any_row_is_made_again_byte_for_byte_at_any_instant"),
    Mutation("T-44", "file compliance/ledger.py",
             "if told != bytes(digest) or merkle.leaf(told) != bytes(leaf):", "if False:",
             "tests/compliance/test_ledger.py::test_what_a_superuser_alters_is_named"),
    Mutation("T-45", "file compliance/bulk/ledger.py",
             " and xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint", "",
             "tests/compliance/test_ledger.py::test_an_entry_that_commits_late_is_sealed_later_and_lost_never"),
    Mutation("T-46", "file compliance/rights/erasure.py", "SubjectKey.objects.filter(pk__in=ids).delete()", "pass",
             "tests/campaigns/test_erasure.py::test_t46_with_the_key_goes_all_that_was_kept"),
    Mutation("T-46", "file compliance/rights/erasure.py", "found.update(row)", "pass",
             "tests/campaigns/test_erasure.py"
             "::test_t46_an_address_that_a_merge_took_away_is_suppressed_too_and_nobody_elses_is"),
    Mutation("T-47", "file compliance/rights/log.py",
             "return not newest or not _unknown([_read(newest)])", "return True",
             "tests/campaigns/test_erasure.py::test_t47_a_restored_backup_forgets_again_before_it_may_send"),
    Mutation("T-47", "file compliance/rights/log.py", "{line.ref, *line.others}", "{line.ref}",
             "tests/campaigns/test_erasure.py::test_t47_a_backup_from_before_a_merge_forgets_every_record_of_the_person"),
    Mutation("T-48", "function compliance_keep_image", "coalesce(current_setting('app.actor', true), '')",
             "coalesce(nullif(current_setting('app.actor', true), ''), 'nobody')",
             "tests/compliance/test_acting.py::test_nobody_may_not_write"),
    Mutation("T-50", "file campaigns/communications.py", 'filing.crd if filing else ""', '""',
             "tests/campaigns/test_communications.py::test_t50_every_field_that_the_rules_ask_for_is_there"),
    Mutation("T-51", "file compliance/packet_check.py",
             'if size != one["bytes"] or sha256.hexdigest() != one["sha256"]:', "if False:",
             "tests/campaigns/test_packet.py::test_every_change_is_named"),
    Mutation("T-51", "file compliance/packet_check.py",
             "if _shared_root(sorted(shared), nodes, size) != root:", "if False:",
             "tests/campaigns/test_packet.py::test_t51_a_large_packet_proves_its_entries_together"),
    Mutation("T-51", "file compliance/packet_check.py", "        wrong += _schemas(packet, manifest)\n", "",
             "tests/campaigns/test_packet.py::test_t51_every_row_is_as_its_schema_says_and_a_misfit_is_named"),
    Mutation("T-52", "file compliance/rights/retention.py", "return None if law is None else max(law, own)",
             "return own", "tests/compliance/test_retention.py::test_t52_messages_are_kept_by_place_and_product"),
    Mutation("T-52", "file compliance/rights/retention.py",
             "due.exclude(holds.binding_rows(declared)).order_by", "due.order_by",
             "tests/compliance/test_retention.py::test_t52_a_hold_wins_and_two_people_lift_it"),
    Mutation("T-52", "function compliance_held", "where c.merged_into_id = p.id", "where false",
             "tests/compliance/test_retention.py::test_t52_a_hold_binds_on_a_record_two_merges_away"),
    Mutation("T-52", "trigger compliance_hold hold_stands", "", "",
             "tests/compliance/test_retention.py::test_t52_a_hold_wins_and_two_people_lift_it"),
    Mutation("T-53", "file compliance/packet.py", "and value.startswith(FORMULA)", "and False",
             "tests/campaigns/test_communications.py::test_t53_no_cell_of_a_csv_is_a_formula"),
    Mutation("T-60", "file compliance/incidents/records.py", "due_at=aware_at + one.within",
             "due_at=aware_at + 9 * one.within",
             "tests/compliance/test_incidents.py::test_t60_the_clocks_are_those_of_kind_and_place"),
    Mutation("T-60", "trigger compliance_notice notice_stands", "", "",
             "tests/compliance/test_incidents.py::test_t60_raw_sql_moves_no_clock"),
)  # fmt: skip


@contextmanager
def _mutated(one: Mutation, tree: Path, url: str) -> Iterator[None]:
    """Take the rule away for the block. Raises LookupError when it is not where it was."""
    if one.kind == FILE:
        path = tree / one.thing
        before = path.read_text(encoding="utf-8")
        if before.count(one.old) != 1:
            raise LookupError(f"{one.thing} has {before.count(one.old)} times {one.old!r}")
        path.write_text(before.replace(one.old, one.new), encoding="utf-8")
        yield
        path.write_text(before, encoding="utf-8")
        return
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set app.actor = 'system:mutations'")
        away, back = _in_database(one, connection)
        connection.execute(away)  # type: ignore[call-overload]
        yield
        connection.execute(back)  # type: ignore[call-overload]


def _in_database(one: Mutation, connection: psycopg.Connection) -> tuple[str, str]:
    """SQL that takes the rule away, and SQL that brings it back."""
    if one.kind == TRIGGER:
        table, name = one.thing.split()
        return f"alter table {table} disable trigger {name}", f"alter table {table} enable always trigger {name}"
    found = connection.execute("select pg_get_functiondef(%s::regproc)", [one.thing]).fetchone()
    text = found[0] if found else ""
    if one.old not in text:
        raise LookupError(f"{one.thing} does not have {one.old!r}")
    return text.replace(one.old, one.new), text


def _passes(test: str, tree: Path, url: str, *more: str) -> bool:
    """Whether a test passes; one that cannot be run is an error of ours."""
    argv = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", "--reuse-db", *more, test]
    done = subprocess.run(
        argv, cwd=tree, env={**os.environ, "DATABASE_URL": url}, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout[-2_000:] + done.stderr[-2_000:])
    return done.returncode == 0


def main(codes: list[str]) -> int:
    """Run them all, or those of these codes."""
    chosen = [one for one in MUTATIONS if not codes or one.code in codes]
    folder = Path(tempfile.mkdtemp(prefix="personalize-mutations-", dir="/var/tmp"))
    folder.chmod(0o711)
    server = Postgres(folder / "postgres", THROWAWAY)
    try:
        tree, url = folder / "tree", server.start()
        _copy(tree)
        tests = sorted({one.test for one in chosen})
        _passes(tests[0], tree, url, "--create-db")
        if failing := [one for one in tests if not _passes(one, tree, url)]:
            print("these fail with every rule in place:", *failing, sep="\n  ")
            return 1
        missed = 0
        for one in chosen:
            with _mutated(one, tree, f"{url.rpartition('/')[0]}/{DATABASE}"):
                noticed = not _passes(one.test, tree, url)
            missed += not noticed
            print(f"{one.code}  {'noticed' if noticed else 'MISSED '}  {one.where}: {one.test}", flush=True)
        print(f"{len(chosen) - missed} of {len(chosen)} noticed")
        return 1 if missed else 0
    finally:
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)


def _copy(tree: Path) -> None:
    """What git knows of the tree, as it is now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        if name and (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
