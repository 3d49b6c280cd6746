"""Every address of the site says who may see it."""

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import AllowAny

OTHERS = ("admin/",)  # Django's own pages; its site object asks for staff


def addresses(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every pattern with its full route."""
    for one in resolver.url_patterns:
        route = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from addresses(one, route)
        else:
            yield route, one


def guarded(pattern: URLPattern) -> bool:
    """True when the view carries a permission, or a reason to be open, or is DRF and not open to any."""
    view = pattern.callback
    if getattr(view, "permissions", None) or getattr(view, "open_reason", None):
        return True
    machine = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if machine is None:
        return False
    if getattr(machine, "open_reason", None):
        return True
    return AllowAny not in getattr(machine, "permission_classes", [AllowAny])


def test_every_address_has_a_permission_or_a_reason_to_be_open() -> None:
    routes = [(route, one) for route, one in addresses(get_resolver()) if not route.startswith(OTHERS)]

    naked = [route for route, one in routes if not guarded(one)]

    assert routes
    assert naked == []


def test_no_two_addresses_share_a_name() -> None:
    seen: dict[str, str] = {}
    twice = []
    for route, one in addresses(get_resolver()):
        if one.name and not route.startswith(OTHERS):
            if one.name in seen and seen[one.name] != route:
                twice.append((one.name, seen[one.name], route))
            seen[one.name] = route

    assert twice == []
