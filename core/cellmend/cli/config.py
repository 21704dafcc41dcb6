"""Settings from a YAML file and from switches; switches overrule the file."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, TypeVar

from pydantic import ValidationError

from cellmend.cli.arguments import SETTING
from cellmend.errors import FileFormatError, InputError
from cellmend.params import Settings
from cellmend.settings_file import read_values, told, where_of

S = TypeVar("S", bound=Settings)


def build_settings(kind: type[S], args: Namespace) -> S:
    """Return the settings of a command.

    Raises
    ------
    InputError
        If the file of ``--config`` is not a YAML mapping, a value is out of
        bounds, or a name is unknown; all of them are told.
    """
    try:
        values = read_values(args.config) if args.config else {}
    except FileFormatError as error:  # to the command line, the file is a wrong switch
        raise InputError(str(error)) from error
    given = given_settings(args)
    for path, value in given.items():
        _set(values, path.split("."), value)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise InputError("; ".join(_explain(one, set(given)) for one in error.errors())) from error


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
    where = where_of(error)
    name = "--" + where.rsplit(".", 1)[-1].replace("_", "-") if where in given else where
    return told(error, name)
