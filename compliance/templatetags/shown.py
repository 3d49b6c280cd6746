"""How numbers, shares and times are shown to people."""

import json

from django import template
from django.core.serializers.json import DjangoJSONEncoder
from django.template import Context
from django.urls import resolve, reverse
from django.utils.html import format_html

register = template.Library()


@register.simple_block_tag(takes_context=True)
def way(context: Context, content: str, name: str, *args: object, button: bool = False) -> str:
    """A link to a page for whoever may open it; for everybody else its words alone, and of a button nothing."""
    address = reverse(name, args=args)
    wanted = getattr(resolve(address).func, "permissions", ())
    if wanted and not any(context["user"].has_perm(one) for one in wanted):
        return "" if button else format_html("<span>{}</span>", content)
    return format_html('<a class="btn" href="{}">{}</a>' if button else '<a href="{}">{}</a>', address, content)


@register.filter
def share(value: float | None, places: int = 1) -> str:
    """A share in [0, 1] as a percentage with a true minus sign; an en dash where it is unknown."""
    return "–" if value is None else f"{100 * value:.{places}f} %".replace("-", "−")


@register.filter
def named(code: str, names: dict[str, str]) -> str:
    """What people call a code; the code itself where it has no name."""
    return names.get(code, code)


@register.filter
def as_words(key: str) -> str:
    """A key like "risk_tolerance" as "Risk tolerance"."""
    return key.replace("_", " ").strip().capitalize()


@register.filter
def as_deed(kind: str) -> str:
    """A kind of entry like "stop.release_asked" as "Stop release asked"."""
    return as_words(kind.replace(".", " "))


@register.filter
def as_value(value: object) -> str:
    """A stored value as a person reads it: yes and no, lists with commas, an en dash for nothing."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(as_value(one) for one in value) or "–"
    if isinstance(value, dict):
        return "; ".join(f"{as_words(str(key))}: {as_value(one)}" for key, one in value.items())
    return str(value)


@register.filter
def as_json(value: object) -> str:
    """JSON for a data attribute, which the template escapes."""
    return json.dumps(value, cls=DjangoJSONEncoder)
