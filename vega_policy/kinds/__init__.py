"""Kinds of policies, by the ``kind`` of a folder's policy.yaml.

vega     a network of OpenVLA-OFT's architecture
replay   plays the actions of a recorded episode
hold     stays where it is

Whoever runs a policy opens its folder with :func:`open_policy` and knows :class:`.Policy` alone. A
new kind is a file with a :class:`.Kind` and one line below.
"""

from pathlib import Path

from vega_core.registry import Registry, RegistryError
from vega_policy.contract import DEFAULT_KIND, FILE_NAME, PolicyContract, read_document
from vega_policy.errors import CheckpointError
from vega_policy.kinds.kind import Kind
from vega_policy.policy import Policy

__all__ = ["KINDS", "Kind", "load_contract", "open_policy"]

KINDS: Registry[Kind] = Registry("kind of policy")
KINDS.register_lazily("vega", "vega_policy.kinds.vega:KIND")
KINDS.register_lazily("replay", "vega_policy.kinds.replay:KIND")
KINDS.register_lazily("hold", "vega_policy.kinds.hold:KIND")


def open_policy(folder: Path | str, device: str = "cpu", threads: int = 1) -> Policy:
    """Opens a policy, ready to run.

    Args:
        folder: With a policy.yaml.
        device: Where a model runs, for example ``cpu`` or ``cuda``.
        threads: CPU threads of a model operation, for this whole process.

    Raises:
        CheckpointError: The folder is incomplete, corrupt, contradicts itself or is of an unknown
            kind.
    """
    folder = Path(folder)
    # What a folder without a policy.yaml may be instead, the default kind knows.
    known = (folder / FILE_NAME).exists()
    kind = _kind_of(folder) if known else KINDS.get(DEFAULT_KIND)
    return kind.open(folder, device, threads)


def load_contract(folder: Path) -> PolicyContract:
    """What a policy was made for; nothing else of its folder is read.

    Raises:
        CheckpointError: policy.yaml is missing, malformed or of an unknown kind.
    """
    return _kind_of(folder).contract.load(folder)


def _kind_of(folder: Path) -> Kind:
    name = read_document(folder).get("kind", DEFAULT_KIND)
    try:
        return KINDS.get(str(name))
    except RegistryError as error:
        raise CheckpointError(f"{folder / FILE_NAME}: kind: {error}") from None
