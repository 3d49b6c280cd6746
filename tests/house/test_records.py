"""Every table of ours is kept in the ledger by triggers, or is in this list with the reason why not."""

import pytest
from django.apps import apps
from django.db import connection

NOT_RECORDED = {
    "compliance_ledgerentry": "it is the record",
    "compliance_ledgerleaf": "the record's tree",
    "compliance_ledgertile": "the record's tree",
    "compliance_checkpoint": "the record's signed heads",
    "compliance_session": "a browser that is signed in; what ends sessions, and who signed in, is recorded",
    "compliance_apitokenuse": "the minute a token was last used; giving it and taking it back are deeds",
    "compliance_subjectkey": "secrets; that one was destroyed is a deed, and an image could bring it back",
    "compliance_packet": "progress of a file; asking, building and handing over are deeds",
    "compliance_idempotentcall": "answers kept a day so that a repeated call gets the same",
    "compliance_fault": "what a machine could not do yet, and how often; what it does in the end is recorded",
    "compliance_reading": "minutes spent on a text, to find readings too fast to be one; the decisions are recorded",
    "campaigns_belief": "only added to; the registered model that it belongs to names its hash",
    "campaigns_habit": "computed from messages and what came back; what a decision saw is in its message",
    "campaigns_chunk": "a worker's share of a run; the run's plan and every message are recorded",
    "campaigns_coveredpair": "only added to, with the review whose approval counts",
    "campaigns_hourchoice": "beside a message that is recorded; it can be drawn again from the run's plan and seed",
    "campaigns_interaction": "opens and clicks as received: millions, erased on request, decide nothing alone",
    "campaigns_letgo": "counted by a trigger as retention lets messages go; the sweep itself is recorded",
    "campaigns_pace": "its tokens change with every claim; who sets or takes away a pace is a deed in the ledger",
    "campaigns_pacedomain": "part of a pace; the deed names the domains",
    "campaigns_providerevent": "a provider's notices as received; what they change is recorded",
    "campaigns_shadowdecision": "computed from messages by a model in shadow; it reaches nobody; steps are recorded",
    "personalize_attribute": "raw behaviour as received: millions, erased on request",
    "personalize_event": "raw behaviour as received: millions, erased on request",
    "personalize_identity": "raw identifiers as received: millions, erased on request; merges are recorded",
    "personalize_marketsignal": "figures as received, with source and time, never changed",
    "personalize_outcome": "raw results as received: millions, erased on request",
    "personalize_profile": "computed from events at any time again; what a decision saw is in its message",
    "personalize_quarantineditem": "what was refused",
}
WAYS = {"insert", "update", "delete"}


def ask(question: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall()


def recorded() -> dict[str, set[str]]:
    rows = ask(
        "select tgrelid::regclass::text, substring(tgname from '^keep_image_of_(.*)$') from pg_trigger "
        "where tgname like 'keep_image_of_%' and tgenabled = 'A'"
    )
    found: dict[str, set[str]] = {}
    for table, way in rows:
        found.setdefault(table, set()).add(way)
    return found


def ours() -> set[str]:
    models = [
        one
        for one in apps.get_models(include_auto_created=True)
        if one._meta.app_label in ("campaigns", "compliance", "personalize")
    ]
    return {one._meta.db_table for one in models if "historical" not in one._meta.db_table}


@pytest.mark.django_db
def test_every_table_is_recorded_or_says_why_not() -> None:
    kept = recorded()

    assert {table: ways for table, ways in kept.items() if ways != WAYS} == {}
    assert ours() - set(kept) - set(NOT_RECORDED) == set(), (
        "give it triggers: compliance_keep_images_of(…), or a reason"
    )
    assert set(kept) & set(NOT_RECORDED) == set()


@pytest.mark.django_db
def test_every_historied_table_is_recorded() -> None:
    historied = ask(
        "select regexp_replace(relname, '^([a-z]+)_historical', '\\1_') from pg_class where relkind = 'r' "
        "and relname ~ '^[a-z]+_historical' and relnamespace = 'public'::regnamespace"
    )

    assert len(historied) >= 8
    assert {one for (one,) in historied} - set(recorded()) == set()


@pytest.mark.django_db
def test_no_trigger_sees_old_and_new_rows_at_once() -> None:
    """Joining the two makes PostgreSQL keep a nested loop planned for one row: minutes for a bulk update."""
    assert ask("select tgname from pg_trigger where tgoldtable is not null and tgnewtable is not null") == []


@pytest.mark.django_db
def test_functions_with_their_owners_rights_look_in_one_place() -> None:
    loose = ask(
        "select proname from pg_proc where prosecdef and pronamespace = 'public'::regnamespace "
        "and not coalesce(proconfig, '{}') @> array['search_path=public, pg_temp']"
    )

    assert loose == []
