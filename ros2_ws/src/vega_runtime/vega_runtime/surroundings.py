"""What ROS 2 takes from the environment, judged before it starts with it.

ROS 2 itself ends with a traceback, or reads `5abc` as 5 and `010` as 8.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

HIGHEST_DOMAIN = 232


def problem(environment: Mapping[str, str] = os.environ) -> str | None:
    """Why no node can start here, and what to do; None if one can."""
    return domain_problem(environment) or log_folder_problem(environment)


def domain(environment: Mapping[str, str] = os.environ) -> str:
    """ROS_DOMAIN_ID as it was given; ROS 2 takes an empty one for 0."""
    return environment.get("ROS_DOMAIN_ID") or "0"


def domain_problem(environment: Mapping[str, str] = os.environ) -> str | None:
    """What is wrong with ROS_DOMAIN_ID, and what to do; None if nothing is."""
    given = domain(environment)
    if re.fullmatch("0|[1-9][0-9]{0,2}", given) and int(given) <= HIGHEST_DOMAIN:
        return None
    shown = given if given.isprintable() and given.strip() else repr(given)
    return (
        f"ROS_DOMAIN_ID={shown}: expected a whole number, 0 to {HIGHEST_DOMAIN}; "
        "export ROS_DOMAIN_ID=0, or unset it"
    )


def log_folder_problem(environment: Mapping[str, str] = os.environ) -> str | None:
    """Why ROS 2 cannot write its logs, and what to do; None if it can. Makes the folder."""
    folder = environment.get("ROS_LOG_DIR")
    if not folder:
        folder = os.path.join(environment.get("ROS_HOME") or "~/.ros", "log")
    path = Path(os.path.expanduser(folder))
    try:
        path.mkdir(parents=True, exist_ok=True)
        why = "" if os.access(path, os.W_OK | os.X_OK) else "no right to write there"
    except OSError as error:
        why = error.strerror or str(error)
    if not why:
        return None
    return f"{path}: ROS 2 cannot write its logs ({why}); export ROS_LOG_DIR=a folder that it can"
