"""What is too much, where hw_config/recording.yaml does not say so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """Limits of what may be trained on; units in the names.

    Those of rates, gaps and skews are in hw_config/recording.yaml.

    Attributes:
        usual_take_s: A shorter take may miss as many messages as one of this length.
        cut_s: How long a stream may be missing at the beginning or end; exports refuse more.
        shortest_s: A shorter episode shows nothing.
        length_ratio: An episode this many times longer or shorter than the median is unlike others.
        few: With fewer episodes of a task nothing is said about who is unlike the others.
        slack_rad, slack_m: By how much a joint may be beyond its limit: flexing, zero offset.
        units_rad: No joint turns this far; it is in degrees then.
        units_m: No gripper opens this wide; it is in mm or percent then.
        constant: A joint that moves less than this (rad, m) does not move at all.
        moving_rad: A joint that moves more than this certainly moves.
        jump_rad, jump_m: Between two states, on top of what the speed limit allows twice.
        offset_rad: Between a follower and its leader after the lag: told. 3 degrees.
        bad_offset_rad: The same: training on leaders' positions is spoilt. 6 degrees.
        lag_s: A follower this far behind its leader is slow.
        idle_share, idle_end_s: Nothing moves: share of the episode; at its beginning or end.
        still_share: Nothing moves at all.
        black_level: 95 % of the pixels of a black image are darker (of 255).
        white_share: Share of pixels that are white (at least 250) in an over-exposed image.
        flat_level: An image whose pixels spread less (standard deviation) shows nothing.
        bad_images: Share of the images that may be black, over-exposed or empty.
        frozen_rad: The arm moved this far while its camera's image stayed the same.
        swap_ratio: How much better an image or posture has to fit the other one's place.
        exchange_rad: By how much exchanged joints are off together; tasks differ by less.
        image_levels: Images of one camera differ less from each other (of 255).
        same_rad: Two trajectories that are nowhere farther apart are the same.
        same_length: Nor do their lengths differ by more than this share.
        unlike_sigmas: Robust standard deviations from the median: an outlier in smoothness.
    """

    usual_take_s: float = 10.0
    cut_s: float = 0.5
    shortest_s: float = 1.0
    length_ratio: float = 2.0
    few: int = 4
    slack_rad: float = 0.03
    slack_m: float = 0.005
    units_rad: float = 7.0
    units_m: float = 0.2
    constant: float = 1e-6
    moving_rad: float = 0.05
    jump_rad: float = 0.05
    jump_m: float = 0.01
    offset_rad: float = 0.052
    bad_offset_rad: float = 0.105
    lag_s: float = 0.3
    idle_share: float = 0.4
    idle_end_s: float = 2.0
    still_share: float = 0.95
    black_level: float = 20.0
    white_share: float = 0.6
    flat_level: float = 2.0
    bad_images: float = 0.05
    frozen_rad: float = 0.05
    swap_ratio: float = 3.0
    exchange_rad: float = 1.0
    image_levels: float = 12.0
    same_rad: float = 0.01
    same_length: float = 0.01
    unlike_sigmas: float = 6.0


THRESHOLDS = Thresholds()
