"""The database's roles: the application owns nothing, reporting reads no secret, the auditor reads the records.

What the application may do to a table stands in the table's comment ("application may select, insert"), written by the
migration that makes the table; one without a comment may be read and written, never truncated.
"""

from compliance import bulk

# Roles without a login; a firm grants them to its own people: grant personalize_audit to alice.
REPORT, AUDIT = "personalize_report", "personalize_audit"
# The only role that reads protected groups, in a schema that nobody else opens: for audits and a client's own access.
FAIRNESS, GROUPS = "personalize_fairness", "fairness"
# Passwords, tokens, sessions, second factors and the key of the images' hashes: nobody reads them but the application.
SECRETS = (
    "session",
    "token",
    "imagekey",
    "subjectkey",
    "mfa_",
    "socialaccount_",
    "axes_",
    "idempotentcall",
    "cache",
    "account_",
)
STAFF, STAFF_COLUMNS = "compliance_staff", ("id", "username", "role", "is_active", "date_joined")
RECORDS = (
    "compliance_ledgerentry", "compliance_ledgerleaf", "compliance_ledgertile", "compliance_checkpoint",
    "compliance_reviewitem",
    "compliance_approval", "compliance_authorship", "compliance_consentevent", "compliance_wording",
)  # fmt: skip
BROKER = "pgmq"


class NoSuchLogin(Exception):
    """The application's login does not exist and this owner may not make it. Nothing was granted."""


def settle(application: str, *, password: str) -> int:
    """Bring logins and grants to what they must be; gives how many tables' privileges changed. Safe to repeat.

    Runs on the owner's connection. Raises NoSuchLogin.
    """
    if bulk.may_make_roles():
        bulk.make_role(application, password=password)
        for role in (REPORT, AUDIT, FAIRNESS):
            bulk.make_role(role)
    elif not bulk.role_exists(application):
        raise NoSuchLogin(f"make a login first: create role {application} login password '…'")
    changed = _settle_application(application)
    for role in (REPORT, AUDIT):
        if bulk.role_exists(role):
            changed += _settle_reader(role)
    if bulk.role_exists(FAIRNESS):
        changed += _settle_tester(FAIRNESS)
    return changed


def _settle_application(role: str) -> int:
    bulk.allow_schemas(role, ("public", BROKER))
    bulk.allow_by_default(role)
    bulk.allow_functions(role, bulk.DOORS)
    changed = 0
    for name, _, may, has in bulk.tables(role, schemas=("public", BROKER)):
        if may != has:
            bulk.allow(role, name, may)
            changed += 1
    return changed


def _settle_reader(role: str) -> int:
    bulk.allow_schemas(role, ("public",))
    changed = 0
    for name, bare, _, has in bulk.tables(role):
        may = {"select"} if readable(role, bare) else set()
        if bare == STAFF and role == REPORT:
            bulk.allow(role, name, {"select"}, columns=STAFF_COLUMNS)
        elif may != has:
            bulk.allow(role, name, may)
            changed += 1
    return changed


def _settle_tester(role: str) -> int:
    bulk.allow_schemas(role, (GROUPS,))
    changed = 0
    for name, _, _, has in bulk.tables(role, schemas=(GROUPS,)):
        if has != {"select"}:
            bulk.allow(role, name, {"select"})
            changed += 1
    return changed


def readable(role: str, table: str) -> bool:
    """Whether a reading role may read the whole of a table."""
    if role == AUDIT:
        return table in RECORDS
    return table != STAFF and not any(one in table for one in SECRETS)


def application_owns() -> int:
    """How many tables the application's own login owns; with any it could undo what guards the records."""
    return bulk.owned()
