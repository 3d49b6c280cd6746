"""How numbers, shares and times are shown to people."""

from django import template

register = template.Library()


@register.filter
def share(value: float | None, places: int = 1) -> str:
    """A share in [0, 1] as a percentage with a true minus sign; an en dash where it is unknown."""
    return "–" if value is None else f"{100 * value:.{places}f} %".replace("-", "−")
