"""Quality of recorded episodes: figures of each, and what would poison training.

    from teleop.quality import inspect
    for finding in inspect(Path("data/close_laptop")).findings: ...

`measure` takes the figures of one episode, `check_episode` says what is wrong with it by itself,
`check_across_episodes` what only several show (copies, exchanged joints or cameras, mixtures).
"""

from teleop.quality.cross_episode import check_across_episodes
from teleop.quality.dataset import DatasetQuality, inspect
from teleop.quality.episode import EpisodeQuality, measure
from teleop.quality.episode_checks import check_episode
from teleop.quality.findings import Finding
from teleop.quality.thresholds import THRESHOLDS, Thresholds

__all__ = [
    "THRESHOLDS",
    "DatasetQuality",
    "EpisodeQuality",
    "Finding",
    "Thresholds",
    "check_across_episodes",
    "check_episode",
    "inspect",
    "measure",
]
