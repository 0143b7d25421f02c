"""How the workers of pytest-xdist share the tests out."""

from __future__ import annotations

from typing import Any

import tiers
from xdist.scheduler import LoadScopeScheduling


class SharingByGroup(LoadScopeScheduling):
    """A worker takes a group of tests at a time, in the order in which they were collected.

    As `--dist loadgroup` would, which writes groups into test ids; pytest 9.2 does not let it.
    """

    def __init__(self, config: Any, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return tiers.group(nodeid)
