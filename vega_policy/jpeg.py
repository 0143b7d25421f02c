"""The JPEG round trip that OpenVLA-OFT sends camera frames through, without a JPEG file.

TensorFlow encodes at quality 95 with halved chroma and decodes with the *fast* integer inverse
transform, whose missing rounding darkens images by a grey level or so; a policy was trained on
that. Decoders within reach here (Pillow, OpenCV) use the accurate one only. Entropy coding loses
nothing, so the round trip is done on the pixels: colour conversion, 8x8 transform, quantisation and
back, in the integers of libjpeg, a batch at a time and on any device.

Sources: ITU-T T.81 (tables K.1, K.2; K.3 of JFIF for the colours); Loeffler, Ligtenberg and
Moschytz 1989 (forward transform); Arai, Agui and Nakajima 1988 (inverse).
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

QUALITY = 95
_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
# Forward transform, 13-bit fixed point; the odd rows add up rounded constants, hence the odd ends.
_FORWARD = (
    (8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192),
    (11363, 9633, 6437, 2260, -2260, -6437, -9633, -11363),
    (10703, 4433, -4433, -10703, -10703, -4433, 4433, 10703),
    (9633, -2259, -11362, -6436, 6436, 11362, 2259, -9633),
    (8192, -8192, -8192, 8192, 8192, -8192, -8192, 8192),
    (6437, -11362, 2261, 9633, -9633, -2261, 11362, -6437),
    (4433, -10704, 10704, -4433, -4433, 10704, -10704, 4433),
    (2260, -6436, 9633, -11363, 11363, -9633, 6436, -2260),
)
_SQRT2, _BUTTERFLY, _ROTATE_A, _ROTATE_B = 362, 473, 277, 669
"""1.4142, 1.8478, 1.0824 and 2.6131 in 8-bit fixed point."""


def jpeg_round_trip(images: Tensor) -> Tensor:
    """What is left of images after JPEG at quality 95 with 4:2:0 chroma, TensorFlow's default.

    Args:
        images: uint8 RGB [N, H, W, 3].

    Returns:
        uint8 RGB [N, H, W, 3].
    """
    height, width = images.shape[1:3]
    luma, blue, red = _to_ycc(images.int())
    luma = _through_blocks(_pad(luma, 8, 8), _LUMA)[:, :height, :width]
    chroma = []
    for plane in (blue, red):
        # Columns are repeated before they are halved, rows (beyond an even number) after.
        small = _through_blocks(_pad(_halve(_pad(plane, 2, 16)), 8, 8), _CHROMA)
        small = small[:, : (height + 1) // 2, : (width + 1) // 2]
        chroma.append(_double(small)[:, :height, :width])
    return _to_rgb(luma, *chroma)


def _fixed(value: float) -> int:
    return round(value * 65536)


def _to_ycc(rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    red, green, blue = rgb.unbind(-1)
    half, offset = 32768, (128 << 16) + 32767
    y = _fixed(0.299) * red + _fixed(0.587) * green + _fixed(0.114) * blue + half
    cb = -_fixed(0.168735892) * red - _fixed(0.331264108) * green + half * blue + offset
    cr = half * red - _fixed(0.418687589) * green - _fixed(0.081312411) * blue + offset
    return y >> 16, cb >> 16, cr >> 16


def _to_rgb(y: Tensor, cb: Tensor, cr: Tensor) -> Tensor:
    cb, cr, half = cb - 128, cr - 128, 32768
    red = y + ((_fixed(1.402) * cr + half) >> 16)
    green = y + ((-_fixed(0.34414) * cb - _fixed(0.71414) * cr + half) >> 16)
    blue = y + ((_fixed(1.772) * cb + half) >> 16)
    return torch.stack([red, green, blue], dim=-1).clamp(0, 255).to(torch.uint8)


def _pad(plane: Tensor, rows: int, columns: int) -> Tensor:
    """Repeats the last row and column up to multiples of these numbers."""
    down, right = -plane.shape[1] % rows, -plane.shape[2] % columns
    if not down and not right:
        return plane
    padded = functional.pad(plane[:, None].double(), (0, right, 0, down), mode="replicate")
    return padded[:, 0].int()


def _halve(plane: Tensor) -> Tensor:
    """Means of 2x2 pixels; ties are rounded down and up in turn along a row."""
    rows = plane[:, ::2] + plane[:, 1::2]
    total = rows[:, :, ::2] + rows[:, :, 1::2]
    bias = 1 + torch.arange(total.shape[2], device=plane.device, dtype=torch.int32) % 2
    return (total + bias) >> 2


def _double(plane: Tensor) -> Tensor:
    """Triangle-filter upsampling: each new pixel takes 3/4 of its nearest, 1/4 of the next."""
    above = torch.cat([plane[:, :1], plane[:, :-1]], dim=1)
    below = torch.cat([plane[:, 1:], plane[:, -1:]], dim=1)
    rows = torch.stack([3 * plane + above, 3 * plane + below], dim=2).flatten(1, 2)
    left = torch.cat([rows[:, :, :1], rows[:, :, :-1]], dim=2)
    right = torch.cat([rows[:, :, 1:], rows[:, :, -1:]], dim=2)
    return torch.stack([(3 * rows + left + 8) >> 4, (3 * rows + right + 7) >> 4], dim=3).flatten(2)


@lru_cache(maxsize=8)
def _steps(table: tuple[tuple[int, ...], ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Quantisation steps of a table at our quality; the same with the inverse's factors in them."""
    steps = (np.array(table) * (200 - 2 * QUALITY) + 50) // 100
    scale = np.array([1.0, *(math.cos(k * math.pi / 16) * math.sqrt(2) for k in range(1, 8))])
    factors = np.rint(np.outer(scale, scale) * 16384).astype(int)
    scaled = (steps * factors + 2048) >> 12
    return torch.from_numpy(steps).int().to(device), torch.from_numpy(scaled).int().to(device)


def _through_blocks(plane: Tensor, table: tuple[tuple[int, ...], ...]) -> Tensor:
    """Transform, quantisation and inverse of each 8x8 block of a plane [N, H, W] of 0..255."""
    steps, scaled = _steps(table, plane.device)
    blocks = (plane - 128).unflatten(2, (-1, 8)).unflatten(1, (-1, 8)).transpose(2, 3)
    divisor = 8 * steps
    values = _forward(blocks)
    quantised = values.sign() * ((values.abs() + divisor // 2) // divisor)
    rows = _inverse(_inverse(quantised * scaled, dim=-2), dim=-1)
    pixels = ((rows >> 5) + 128).clamp(0, 255)
    return pixels.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def _forward(blocks: Tensor) -> Tensor:
    """Cosine transform of blocks [..., 8, 8], times 8. Float64 holds these integers exactly."""
    matrix = _forward_matrix(blocks.device)
    rows = ((blocks.double() @ matrix.T + 2**10) / 2**11).floor()
    return ((matrix @ rows + 2**14) / 2**15).floor().int()


@lru_cache(maxsize=4)
def _forward_matrix(device: torch.device) -> Tensor:
    return torch.tensor(_FORWARD, dtype=torch.float64, device=device)


def _inverse(values: Tensor, dim: int) -> Tensor:
    """One pass of the fast inverse along one axis; products are cut off, not rounded."""
    v0, v1, v2, v3, v4, v5, v6, v7 = values.unbind(dim)
    even, odd = v0 + v4, v0 - v4
    outer = v2 + v6
    inner = ((v2 - v6) * _SQRT2 >> 8) - outer
    e0, e3, e1, e2 = even + outer, even - outer, odd + inner, odd - inner
    z13, z10, z11, z12 = v5 + v3, v5 - v3, v1 + v7, v1 - v7
    o7 = z11 + z13
    z5 = (z10 + z12) * _BUTTERFLY >> 8
    o6 = (z10 * -_ROTATE_B >> 8) + z5 - o7
    o5 = ((z11 - z13) * _SQRT2 >> 8) - o6
    o4 = (z12 * _ROTATE_A >> 8) - z5 + o5
    outputs = [e0 + o7, e1 + o6, e2 + o5, e3 - o4, e3 + o4, e2 - o5, e1 - o6, e0 - o7]
    return torch.stack(outputs, dim=dim)
