"""Settings from a YAML file and from switches; switches overrule the file."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from cellmend.cli.arguments import SETTING
from cellmend.errors import InputError
from cellmend.params import Settings

S = TypeVar("S", bound=Settings)


def build_settings(kind: type[S], args: Namespace) -> S:
    """Return the settings of a command.

    Raises
    ------
    InputError
        If the file of ``--config`` is not a YAML mapping, a value is out of
        bounds, or a name is unknown; all of them are told.
    """
    values = read_yaml(args.config) if args.config else {}
    given = given_settings(args)
    for path, value in given.items():
        _set(values, path.split("."), value)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise InputError("; ".join(_explain(one, set(given)) for one in error.errors())) from error


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping from a YAML file."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: the settings cannot be read: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"{path}: settings are names with values, such as 'diameter: 30'.")
    return values


def given_settings(args: Namespace) -> dict[str, Any]:
    """Return the settings fields that switches gave, by dotted path."""
    return {
        name.removeprefix(SETTING): value
        for name, value in vars(args).items()
        if name.startswith(SETTING)
    }


def _set(values: dict[str, Any], path: list[str], value: object) -> None:
    *parents, last = path
    for name in parents:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise InputError(f"The setting {name!r} holds names with values, not {inner!r}.")
        values = inner
    values[last] = value


def _explain(error: Any, given: set[str]) -> str:
    where = ".".join(str(part) for part in error["loc"] if not isinstance(part, int))
    name = "--" + where.rsplit(".", 1)[-1].replace("_", "-") if where in given else where
    if error["type"] == "missing":
        return f"{name} is missing"
    return f"{name} {error['input']!r}: {error['msg'].lower()}"
