"""Set-based SQL of this package."""

from compliance.bulk.consent import allowed, differences, lock, signals_off
from compliance.bulk.history import historied, history_differences
from compliance.bulk.ledger import (
    add_leaves,
    canonical,
    concerning,
    every,
    hashes,
    hold,
    images_before,
    leaves_end,
    let_go,
    only_sealer,
    sealable,
    unsealed,
)
from compliance.bulk.privileges import (
    allow,
    allow_by_default,
    allow_schemas,
    connected_as,
    make_role,
    may_make_roles,
    owned,
    role_exists,
    tables,
)

__all__ = [
    "add_leaves",
    "allow",
    "allow_by_default",
    "allow_schemas",
    "allowed",
    "canonical",
    "concerning",
    "connected_as",
    "differences",
    "every",
    "hashes",
    "historied",
    "history_differences",
    "hold",
    "images_before",
    "leaves_end",
    "let_go",
    "lock",
    "make_role",
    "may_make_roles",
    "only_sealer",
    "owned",
    "role_exists",
    "sealable",
    "signals_off",
    "tables",
    "unsealed",
]
