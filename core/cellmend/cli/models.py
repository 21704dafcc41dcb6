"""``cellmend models``: which models there are, and one's own."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from cellmend.cli.arguments import add_everywhere


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its actions."""
    parser.description = __doc__
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = actions.add_parser(
            name, help=text, description=text, allow_abbrev=False
        )
        one.set_defaults(run=run)
        add_everywhere(one)
        return one

    action("list", list_all, "List the models and whether they are installed.")
    shown = action("show", show, "Show the card of a model: what it is for, how it was trained.")
    shown.add_argument("name", metavar="NAME", help="a model's name or file")
    added = action("add", add, "Copy a model file among one's own models.")
    added.add_argument(
        "path",
        type=Path,
        metavar="PATH",
        help="a Cellmend or Cellpose 1-3 file, or a bioimage.io package of Cellmend",
    )
    added.add_argument("--name", help="what to call it (default: the name of the file)")
    removed = action("remove", remove, "Remove one of one's own models.")
    removed.add_argument("name", metavar="NAME")
    exported = action("export", export, "Copy a model out as a file for others.")
    exported.add_argument("name", metavar="NAME")
    exported.add_argument("path", type=Path, metavar="PATH")
    exported.add_argument(
        "--to",
        choices=("cellmend", "bioimageio"),
        default="cellmend",
        help="a file for Cellmend (default), or a zip package that bioimage.io's programs run",
    )
    exported.add_argument(
        "--author",
        action="append",
        default=[],
        metavar="NAME",
        help="whom a bioimage.io package names as author; may be given several times",
    )


def list_all(args: argparse.Namespace) -> int:
    """Print every model, and those known by name that are not installed."""
    from cellmend.registry import KNOWN_NAMES, list_models

    entries = list_models()
    missing = [name for name in KNOWN_NAMES if name not in {entry.name for entry in entries}]
    rows = [
        {
            "name": entry.name,
            "task": entry.card.task,
            "state": "bundled" if entry.bundled else "own",
            "description": entry.card.description,
        }
        for entry in entries
    ]
    rows += [
        {"name": name, "task": "", "state": "not installed", "description": ""} for name in missing
    ]
    lines = [f"{r['name']:18} {r['task']:13} {r['state']:14} {r['description']}" for r in rows]
    return _tell(args, {"models": rows}, lines)


def show(args: argparse.Namespace) -> int:
    """Print a model's card."""
    from cellmend.registry import find

    entry = find(args.name)
    card = {"file": str(entry.path), **entry.card.model_dump(mode="json")}
    lines = [
        f"{name:14} {value if isinstance(value, str) else json.dumps(value)}"
        for name, value in card.items()
    ]
    return _tell(args, {"model": card}, lines)


def add(args: argparse.Namespace) -> int:
    """Copy a model file into the user's folder."""
    from cellmend import registry

    name = args.name or args.path.stem
    if args.dry_run:
        registry.check_addition(args.path, name)
    else:
        name = registry.add(args.path, name).name
    return _tell(args, {"added": name}, [f"added {name}"])


def remove(args: argparse.Namespace) -> int:
    """Delete one of the user's models."""
    from cellmend import registry

    if args.dry_run:
        registry.find(args.name)
    else:
        registry.remove(args.name)
    return _tell(args, {"removed": args.name}, [f"removed {args.name}"])


def export(args: argparse.Namespace) -> int:
    """Copy a model's weights and card out, or write a package that others run."""
    from cellmend import registry

    registry.find(args.name)
    if args.dry_run:
        pass
    elif args.to == "bioimageio":
        from cellmend.export.bioimageio import write_bioimageio

        write_bioimageio(args.path, args.name, args.author)
    else:
        registry.export_weights(args.name, args.path)
    return _tell(args, {"exported": args.name, "path": str(args.path)}, [f"wrote {args.path}"])


def _tell(args: argparse.Namespace, report: dict[str, Any], lines: list[str]) -> int:
    if args.json:
        print(json.dumps({"command": f"models {args.action}", **report}))
    else:
        print("\n".join(line.rstrip() for line in lines))
    return 0
