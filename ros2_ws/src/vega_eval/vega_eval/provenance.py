"""What a session says of the code and the configuration that it ran with."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import hw_config
from teleop.dataset.episode import hardware_files
from vega_core import provenance
from vega_eval.trials.session_spec import config_digest


class Provenance(NamedTuple):
    """See `trials.session_spec.Session`."""

    config_sha256: str
    commit: str
    versions: tuple[tuple[str, str], ...]


def provenance_now() -> Provenance:
    """Of this process.

    Raises:
        hw_config.ConfigError, teleop.errors.DatasetError: hw_config cannot be read.
    """
    git = provenance.git_state(Path(hw_config.__file__).parent)
    return Provenance(
        config_sha256=config_digest(hardware_files(hw_config.config_dir())),
        commit=f"{git.commit}-dirty" if git.dirty else git.commit,
        versions=tuple({**provenance.versions(), "torch": version("torch")}.items()),
    )
