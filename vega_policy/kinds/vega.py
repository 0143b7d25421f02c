"""The kind ``vega``: networks of OpenVLA-OFT's architecture.

Its policy.yaml is described in :mod:`vega_policy.vega_contract`, its folder in
:mod:`vega_policy.checkpoint`, and what runs it is :class:`vega_policy.inference.VegaRunner`.
"""

from pathlib import Path

from vega_policy.kinds.kind import Kind
from vega_policy.policy import Policy
from vega_policy.vega_contract import VegaContract


def _open(folder: Path, device: str, threads: int) -> Policy:
    # Torch takes seconds to import: whoever reads the contract alone goes without.
    from vega_policy.inference import VegaRunner

    return VegaRunner.load(folder, device, threads)


KIND = Kind(VegaContract, _open)
