"""Settings in a YAML file, as ``--config`` takes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from cellmend.errors import FileFormatError
from cellmend.io.atomic import replacing
from cellmend.params import AnySettings, SegmentSettings, Settings, what_is_wrong

HEADER = "# For cellmend segment IMAGE --config FILE; what is not named is as usual.\n"


def settings_text(settings: SegmentSettings) -> str:
    """Return settings as YAML: the model, and what differs from the default.

    It reads back as the same settings.
    """
    values = settings.model_dump(mode="json", exclude_defaults=True)
    values = {"model": settings.model, **values}
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    return HEADER + text


def write_settings(settings: SegmentSettings, path: Path) -> None:
    """Write `settings_text` to a file, wholly or not at all.

    Raises
    ------
    FileFormatError
        If the folder cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(settings_text(settings), encoding="utf-8")


def read_settings(kind: type[AnySettings], path: Path) -> AnySettings:
    """Read settings from a file.

    Raises
    ------
    FileFormatError
        If it is not a YAML mapping, a value is out of bounds, or a name is unknown; all of
        them are told.
    """
    values = read_values(path)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(told(one, where_of(one)) for one in error.errors())
        raise FileFormatError(path, f"{wrong}.") from error


def read_values(path: Path) -> dict[str, Any]:
    """Read a mapping from a YAML file; errors are those of `read_settings`, of its form."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FileFormatError(path, f"the settings cannot be read: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise FileFormatError(path, "settings are names with values, such as 'diameter: 30'.")
    return values


def where_of(error: Any) -> str:
    """Return the dotted path of the setting that an error of pydantic is about."""
    return ".".join(str(part) for part in error["loc"] if not isinstance(part, int))


def told(error: Any, name: str) -> str:
    """Return an error of pydantic in words; `name` is what the setting is called."""
    if error["type"] == "missing" and not isinstance(error["loc"][-1], int):
        return f"{name} is missing"
    return f"{name} {error['input']!r}: {what_is_wrong(error)}"


def differences(first: Settings, second: Settings) -> Iterator[str]:
    """Yield the dotted paths of the fields of `first` that are others in `second`."""
    for name in type(first).model_fields:
        value, other = getattr(first, name), getattr(second, name)
        if isinstance(value, Settings) and isinstance(other, type(value)):
            yield from (f"{name}.{inner}" for inner in differences(value, other))
        elif value != other:
            yield name
