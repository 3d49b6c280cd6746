"""What the application's login may do to every table there is. A table in no list fails: decide, then add its line."""

import pytest
from django.db import connection

from compliance import privileges
from personalize.start.postgres import APPLICATION

WRITTEN = "select insert update delete"
READ_ONLY, ADDED_TO, KEPT = "select", "select insert", "select insert update"
EXPECTED = {
    READ_ONLY: """
        django_migrations campaigns_letgo
        campaigns_historicalblock campaigns_historicalblockversion campaigns_historicalcampaign
        compliance_historicalcopyrule compliance_historicalreviewitem compliance_historicaltopic
        personalize_historicalartefact personalize_historicalfeature personalize_historicalmodeluse
    """,
    "": "compliance_imagekey",
    "select delete": "compliance_consentstate compliance_subjectkey",  # triggers write them
    "select insert delete": "compliance_sealedvalue",
    ADDED_TO: """
        compliance_ledgerentry compliance_ledgerleaf compliance_ledgertile compliance_checkpoint compliance_consentevent
        campaigns_offer campaigns_fairnessreport campaigns_rewardversion campaigns_belief
        campaigns_hourpolicy campaigns_hourpool
        campaigns_selfcheck campaigns_drift campaigns_tradeoff personalize_outlookcheck
        compliance_approval compliance_authorship compliance_seed campaigns_combinationrule campaigns_coveredpair
        campaigns_figure compliance_purposerecord compliance_disagreement campaigns_wellbeingpolicy
        compliance_comprehensiontest compliance_filing
    """,
    KEPT: """
        compliance_reviewitem compliance_wording compliance_packet campaigns_pause campaigns_variant compliance_comment
        compliance_competence compliance_interest compliance_invitation compliance_reading
        compliance_hold compliance_retentionrule compliance_erasure
        compliance_incident compliance_notice
        compliance_stop compliance_promotionbasis campaigns_question campaigns_schedule campaigns_occurrence
        compliance_secondreading
        compliance_latefinding compliance_copyrule campaigns_calm personalize_modelstep
    """,
    WRITTEN: """
        auth_group auth_group_permissions auth_permission django_admin_log django_content_type django_session
        axes_accessattempt axes_accessattemptexpiration axes_accessfailurelog axes_accesslog
        guardian_groupobjectpermission guardian_userobjectpermission
        account_emailaddress account_emailconfirmation mfa_authenticator
        socialaccount_socialaccount socialaccount_socialapp socialaccount_socialtoken
        compliance_apitoken compliance_apitokenuse compliance_cache compliance_session
        compliance_client compliance_fault compliance_fence compliance_holiday
        compliance_idempotentcall compliance_preference compliance_coolingoff compliance_campaignproduct
        compliance_callscreening compliance_certificate compliance_vulnerability
        compliance_asked compliance_touched compliance_copylink
        compliance_staff compliance_staff_groups compliance_staff_user_permissions compliance_suppression
        compliance_topic
        personalize_artefact personalize_attribute personalize_declaration personalize_event personalize_feature
        personalize_featureset personalize_identity personalize_modeluse
        personalize_marketsignal personalize_mergerequest personalize_outcome personalize_profile
        personalize_quarantineditem personalize_source
        campaigns_block campaigns_blockversion campaigns_campaign campaigns_campaignblock campaigns_chunk
        campaigns_interaction campaigns_habit campaigns_hourchoice campaigns_shadowdecision
        campaigns_campaigndeskgrant campaigns_campaignpersongrant campaigns_blockdeskgrant campaigns_blockpersongrant
        campaigns_cap campaigns_message campaigns_pace campaigns_pacedomain campaigns_providerevent campaigns_run
    """,
}
HAS = """
select c.relname, coalesce(string_agg(lower(a.privilege_type), ' ' order by a.privilege_type), '')
from pg_class c left join lateral aclexplode(c.relacl) a on a.grantee = to_regrole(%s)
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
group by 1
"""


def ask(question: str, *params: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(question, params)
        return cursor.fetchall()


@pytest.mark.django_db
def test_the_application_may_do_to_each_table_what_its_class_says() -> None:
    expected = {table: set(may.split()) for may, tables in EXPECTED.items() for table in tables.split()}

    found = {table: set(has.split()) for table, has in ask(HAS, APPLICATION)}

    assert {table: has for table, has in found.items() if table not in expected} == {}, "in no class yet"
    assert {table: has for table, has in found.items() if has != expected[table]} == {}
    assert set(expected) - set(found) == set()


@pytest.mark.django_db
def test_reporting_reads_no_secret_and_the_auditor_reads_the_records() -> None:
    report, audit = (
        {table: has for table, has in ask(HAS, role) if has} for role in (privileges.REPORT, privileges.AUDIT)
    )

    assert set(report.values()) == set(audit.values()) == {"select"}
    assert set(audit) == set(privileges.RECORDS)
    assert not {"django_session", "compliance_apitoken", "compliance_imagekey", "compliance_staff"} & set(report)
    columns = ask(
        "select attname from pg_attribute where attrelid = 'compliance_staff'::regclass and attnum > 0 "
        "and has_column_privilege(%s, attrelid, attnum, 'select') order by 1",
        privileges.REPORT,
    )
    assert [one for (one,) in columns] == sorted(privileges.STAFF_COLUMNS)


@pytest.mark.django_db
def test_the_application_owns_nothing_and_makes_nothing() -> None:
    assert privileges.application_owns() == 0
    assert ask(
        "select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, has_schema_privilege(%s, 'public', 'create') "
        "from pg_roles where rolname = %s",
        APPLICATION, APPLICATION,
    ) == [(False, False, False, False, False)]  # fmt: skip


@pytest.mark.django_db
def test_every_guard_is_always_on_and_looks_in_one_place() -> None:
    """A trigger of ours that could be slept through, or misled by the session's search_path, is no guard."""
    weak = ask(
        """
        select t.tgrelid::regclass::text, t.tgname, t.tgenabled, p.proconfig
        from pg_trigger t join pg_proc p on p.oid = t.tgfoid
        where not t.tgisinternal and p.pronamespace = 'public'::regnamespace
            and (t.tgenabled <> 'A' and t.tgname <> 'never_truncated'  -- tests truncate
                or not coalesce(p.proconfig, '{}') @> array['search_path=public, pg_temp'])
        order by 1, 2
        """
    )

    assert weak == []
