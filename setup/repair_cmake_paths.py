"""Repairs the ROS 2 wheels' CMake files, which name the Python of the machine that built them.

Without this CMake stops with "Imported target ... includes non-existent path". Run with the
Python of the virtual environment; running it again changes nothing.
"""

import re
import sys
import sysconfig
from pathlib import Path

FOREIGN = re.compile(r"/opt/python/[^/;\"]+/(include|lib)/python3\.\d+(/site-packages)?")


def repair(prefix: Path) -> int:
    """Rewrites the foreign paths below `prefix`/share; returns the number of files changed."""
    paths = {"include": sysconfig.get_paths()["include"], "lib": sysconfig.get_paths()["purelib"]}
    changed = 0
    for file in (prefix / "share").rglob("*.cmake"):
        text = file.read_text(encoding="utf-8")
        mended = FOREIGN.sub(lambda match: paths[match.group(1)], text)
        if mended != text:
            file.write_text(mended, encoding="utf-8")
            changed += 1
    return changed


if __name__ == "__main__":
    print(f"repaired {repair(Path(sys.prefix))} CMake files of the ROS 2 wheels")
