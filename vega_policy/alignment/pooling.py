"""From a teacher's grid of patches to the student's, with or without positions in the target.

pooled_targets(hidden [B, V, n, dim], grid: int, position_embedding: bool) -> [B, V*grid*grid, dim]
"""

import torch
from torch import Tensor
from torch.nn import functional

EMBEDDING_SHARE = 0.1
OMEGA = 100.0


def pooled_targets(hidden: Tensor, grid: int, position_embedding: bool) -> Tensor:
    """A teacher's features at the student's patches, as Spatial Forcing makes them.

    Args:
        hidden: [B, V, side * side, dim] of any square grid, row by row, no special tokens.
        grid: The student's patches along one side of a view.
        position_embedding: Whether 0.1 of the sine-cosine embedding is added first; ``dim`` must
            then be a multiple of 4.

    Returns:
        [B, V * grid * grid, dim], view after view: bilinear, the corners of both grids in the same
        place.
    """
    batch, views, tokens, dim = hidden.shape
    side = round(tokens**0.5)
    if position_embedding:
        embedding = plane_embedding(side, dim, hidden.device)
        hidden = hidden + EMBEDDING_SHARE * embedding.to(hidden.dtype)
    if side != grid:
        planes = hidden.flatten(0, 1).transpose(1, 2).unflatten(2, (side, side))
        size = (grid, grid)
        planes = functional.interpolate(planes, size=size, mode="bilinear", align_corners=True)
        hidden = planes.flatten(2).transpose(1, 2).unflatten(0, (batch, views))
    return hidden.flatten(1, 2)


def plane_embedding(side: int, dim: int, device: torch.device | None = None) -> Tensor:
    """Sine-cosine embedding of a square grid [side * side, dim], row by row, float32.

    The grid's cell centres lie in a square of unit diagonal. A quarter of the dimensions each is
    the sine and the cosine of the column, then of the row, at frequencies from 1 down to 1 / 100.
    """
    edge = (side - 1) / side / 2**0.5
    at = torch.linspace(-edge, edge, side, dtype=torch.float32, device=device).double()
    quarter = dim // 4
    exponent = torch.arange(quarter, dtype=torch.float64, device=device) / quarter
    angle = at[:, None] * OMEGA**-exponent
    axis = torch.cat([angle.sin(), angle.cos()], dim=1).float()
    columns = axis[None].expand(side, -1, -1)
    rows = axis[:, None].expand(-1, side, -1)
    return torch.cat([columns, rows], dim=-1).flatten(0, 1)
