"""ros2 pkg."""

from __future__ import annotations

import argparse

from ..packages import executables_of, prefix_of, prefixes, share_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of `ros2 pkg`."""
    verbs = parser.add_subparsers(title="verbs", metavar="<verb>")
    listing = verbs.add_parser("list", help="list packages")
    listing.set_defaults(call=_list)
    prefix = verbs.add_parser("prefix", help="print the prefix of a package")
    prefix.add_argument("--share", action="store_true", help="print its share directory instead")
    prefix.add_argument("package")
    prefix.set_defaults(call=_prefix)
    executables = verbs.add_parser("executables", help="list executables")
    executables.add_argument("package", nargs="?", help="only those of this package")
    executables.add_argument("--full-path", action="store_true", help="print their paths")
    executables.set_defaults(call=_executables)


def _list(options: argparse.Namespace) -> None:
    print(*sorted(prefixes()), sep="\n")


def _prefix(options: argparse.Namespace) -> None:
    print(share_of(options.package) if options.share else prefix_of(options.package))


def _executables(options: argparse.Namespace) -> None:
    for package in [options.package] if options.package else sorted(prefixes()):
        for name, path in executables_of(package).items():
            print(path if options.full_path else f"{package} {name}")
