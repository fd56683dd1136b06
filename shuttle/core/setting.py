"""The declaration of a setting: its syntax, the values that it accepts, and its help.

A Setting is in the annotation of the field that it declares, beside the field's type and default:

    batch_size: Annotated[int, Setting("int", "maximum lines in a batch", rule=at_least(1))] = 500

The flag, its variable, the checks, the usage text and the table in the documents are made from it.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from shuttle.core.rule import Rule
from shuttle.errors import ConfigError, quote

Kind = Literal["string", "path", "int", "size", "duration", "bool"]
"""How a value is written on the command line."""


def _is_path(value: object) -> bool:
    return hasattr(value, "__fspath__")


def _is_number(value: object, *types: type) -> bool:
    return isinstance(value, types) and not isinstance(value, bool)


_TYPES: dict[Kind, Rule] = {
    "string": Rule("must be a str", lambda value: isinstance(value, str)),
    "path": Rule("must be a pathlib.Path", _is_path),
    "int": Rule("must be an int", lambda value: _is_number(value, int)),
    "size": Rule("must be a number of bytes, an int", lambda value: _is_number(value, int)),
    "duration": Rule("must be a number of seconds", lambda value: _is_number(value, int, float)),
    "bool": Rule("must be True or False", lambda value: isinstance(value, bool)),
}


class Need(NamedTuple):
    """A condition for a setting to have an effect."""

    text: str
    """What a warning says of the setting where it is not: `has no effect without -file`."""
    is_met: Callable[[Any], object]
    """Whether it is so in a Config: what it returns is true or false."""


class Setting(NamedTuple):
    """The declaration of one setting."""

    kind: Kind
    help: str
    metavar: str = ""
    """What the usage calls the value; by default the word of its kind."""
    heading: str = ""
    """The heading of the usage that begins with this setting."""
    rule: Rule | None = None
    """What a value must be beside its type; of a repeatable setting each of its values."""
    secret: bool = False
    """Whether the value may hold a credential, so that no error and no repr shows it."""
    repeatable: bool = False
    """Whether it has several values, one for each use of its flag."""
    needs: tuple[Need, ...] = ()
    """Without one of these it has no effect."""


def find_settings(owner: type) -> dict[str, Setting]:
    """Return the settings that the fields of `owner` declare, by the names of the fields."""
    annotations = owner.__annotations__.items()
    return {name: hint.__metadata__[0] for name, hint in annotations if hasattr(hint, "__metadata__")}


def name_flag(name: str) -> str:
    """Return the flag that sets the field `name`: `batch_size` is set by `-batch-size`, and `from_` by `-from`."""
    return "-" + name.rstrip("_").replace("_", "-")


def check_setting(name: str, setting: Setting, value: object) -> None:
    """Check the value of the field `name`.

    Raises:
        ConfigError: The value has the wrong type, or breaks the setting's rule.
    """
    values = (value,)
    if setting.repeatable:
        if not isinstance(value, tuple):
            raise ConfigError(f"{name_flag(name)} {_show(setting, value)}: must be a tuple, not {type(value).__name__}")
        values = value
    for one in values:
        expected = _TYPES[setting.kind]
        if not expected.accepts(one):
            raise ConfigError(f"{name_flag(name)} {_show(setting, one)}: {expected.text}, not {type(one).__name__}")
        if setting.rule and not setting.rule.accepts(one):
            raise ConfigError(f"{name_flag(name)} {_show(setting, one)}: {setting.rule.text}")


def _show(setting: Setting, value: object) -> str:
    if setting.secret:
        return "(not shown)"
    if isinstance(value, str) or _is_path(value):
        return quote(str(value))
    return repr(value) if value is None or isinstance(value, int | float) else "(not shown)"
