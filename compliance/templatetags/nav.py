"""Links of the site's navigation, each of which knows whether it is the page the reader is on."""

from django import template
from django.template import Context
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag(takes_context=True)
def navlink(context: Context, route: str, words: str, *, exact: bool = False) -> SafeString | str:
    """One item of the navigation; nothing where the route does not exist in this installation.

    exact: mark it as current only on its own address, not on the pages beneath it.
    """
    try:
        address = reverse(route)
    except NoReverseMatch:
        return ""
    path = context["request"].path
    here = path == address or (not exact and path.startswith(address))
    return format_html(
        '<li><a href="{}"{}>{}</a></li>', address, SafeString(' aria-current="page"' if here else ""), words
    )
