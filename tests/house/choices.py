"""A mypy plugin: a member of Django's TextChoices is a member, not the (value, label) pair written in its class.

Django carries no types, so mypy sees `DRAFT = "draft", "Draft"` as a tuple.
"""

from collections.abc import Callable

from mypy.plugin import AttributeContext, Plugin
from mypy.types import CallableType, Instance, TupleType, Type, TypeType, get_proper_type


class Choices(Plugin):
    """Looks at every attribute that is read from a class."""

    def get_class_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        """Only upper-case names can be members."""
        return member if fullname.rpartition(".")[2].isupper() else None


def member(context: AttributeContext) -> Type:
    """The class's own instance where a pair of strings was written in a class whose base is unknown."""
    written, owner = get_proper_type(context.default_attr_type), get_proper_type(context.type)
    if isinstance(owner, CallableType):
        owner = get_proper_type(owner.ret_type)
    elif isinstance(owner, TypeType):
        owner = get_proper_type(owner.item)
    is_pair = isinstance(written, TupleType) or (
        isinstance(written, Instance) and written.type.fullname in ("builtins.str", "builtins.tuple")
    )
    if is_pair and isinstance(owner, Instance) and owner.type.fallback_to_any:
        return owner
    return context.default_attr_type


def plugin(version: str) -> type[Plugin]:
    """What mypy asks for."""
    return Choices
