"""What a session has said of its takes, held against what lies in the dataset."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from teleop.dataset.journal import read_journal
from teleop.dataset.layout import (
    QUARANTINE,
    TRASH,
    episode_folders,
    numbered,
    read_infos,
    unsealed_folders,
)
from teleop.dataset.reader import open_episode
from teleop.errors import EpisodeDamaged
from teleop.export.__main__ import main as export
from teleop.export.selection import KINDS, kinds

_REFUSED = re.compile(r"/(\d{6}): [a-z-]+: ")
_SAID = re.compile(r"episode (\d+) is (being recorded|saved|discarded)\b")


@dataclass
class Ledger:
    """What happened to the takes of a dataset, by their indices.

    Attributes:
        dataset: Its folder.
        begun: Takes of which was said that they are being recorded.
        saved: Of which was said that they are saved.
        discarded: Of which was said that they are discarded.
        seals: Digest with which each sealed episode was first found.
        faults: What was found to be wrong, a sentence each.
    """

    dataset: Path
    begun: set[int] = field(default_factory=set)
    saved: set[int] = field(default_factory=set)
    discarded: set[int] = field(default_factory=set)
    seals: dict[int, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def hear(self, lines: Iterable[str]) -> None:
        """Takes down what a launch has said."""
        of = {"being recorded": self.begun, "saved": self.saved, "discarded": self.discarded}
        for line in lines:
            said = _SAID.search(line)
            if said:
                of[said[2]].add(int(said[1]))

    def read(self) -> None:
        """Takes down what the journal says of discarded takes: a launch may be killed first."""
        entries = read_journal(self.dataset).entries
        events = [(entry.event, entry.index) for entry in entries if entry.index is not None]
        self.discarded |= {index for event, index in events if event == "discarded"}

    def check_sealed(self) -> None:
        """Every sealed episode is whole, what it was before, and all that were saved are there."""
        there = set()
        for folder in episode_folders(self.dataset):
            index = int(folder.name)
            there.add(index)
            try:
                with open_episode(folder, verify=True) as episode:
                    digest = episode.info.mcap.sha256
            except EpisodeDamaged as error:
                self.faults.append(f"sealed episode {index} is not valid: {error}")
                continue
            if self.seals.setdefault(index, digest) != digest:
                self.faults.append(f"sealed episode {index} has changed")
        gone = (self.saved | self.seals.keys()) - there
        self.faults += [f"episode {index} was saved and is gone" for index in sorted(gone)]
        self._check_discarded("is a sealed episode", there)

    def check_repaired(self) -> None:
        """No take is left unsealed; what became of each is known."""
        left = [int(path.name) for path in unsealed_folders(self.dataset)]
        self.faults += [f"take {index} is neither sealed nor put away" for index in left]
        aside = self._put_away()
        known = {int(path.name) for path in episode_folders(self.dataset)}
        known |= {int(path.name) for path in numbered(self.dataset / TRASH)}
        known |= {int(path.name[:6]) for path in aside}
        known |= {*left, *self.discarded}
        lost = self.begun - known
        self.faults += [f"nothing is known of take {index}" for index in sorted(lost)]
        for path in aside:
            if not (path / "why.txt").is_file():
                self.faults.append(f"{path}: nobody says why it was put away")

    def check_exports(self, folder: Path) -> dict[str, int]:
        """No discarded take is in any export, everything included; each good one is in all.

        Args:
            folder: For the exports.

        Returns:
            How many episodes each has.
        """
        good = {info.index for info in read_infos(self.dataset) if not kinds(info)}
        counts = {}
        for form in ("lerobot", "hdf5"):
            exported = self._export(folder / form, form)
            counts[form] = len(exported)
            self._check_discarded(f"is in the {form} export", exported)
            missing = sorted(good - exported)
            self.faults += [f"episode {index} is not in the {form} export" for index in missing]
        return counts

    def _export(self, out: Path, form: str) -> set[int]:
        """Indices of the episodes that an export has, or that the check refuses by name."""
        command = [str(self.dataset), "--format", form, "--out", str(out), "--skip-damaged"]
        command += ["--compress"] if form == "hdf5" else []
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()) as said,
        ):
            code = export([*command, "--include", *KINDS])
        if code != 0:
            self.faults.append(f"the {form} export failed: {said.getvalue().strip()}")
            return set()
        at = out / "meta" if form == "lerobot" else out
        told = json.loads((at / "provenance.json").read_text(encoding="utf-8"))
        refused = (_REFUSED.search(text) for text in told["skipped"])
        return {each["index"] for each in told["episodes"]} | {int(m[1]) for m in refused if m}

    def figures(self) -> dict[str, int]:
        """How many takes became what, once the dataset is repaired."""
        infos = read_infos(self.dataset)
        return {
            "begun": len(self.begun),
            "sealed": len(infos),
            "recovered": sum(info.recovered is not None for info in infos),
            "quarantined": len(self._put_away()),
            "discarded": len(self.discarded),
        }

    def _check_discarded(self, what: str, indices: Collection[int]) -> None:
        came_back = sorted(self.discarded & {*indices})
        self.faults += [f"take {index} was discarded and {what}" for index in came_back]

    def _put_away(self) -> list[Path]:
        return [p for p in sorted((self.dataset / QUARANTINE).iterdir()) if p.name[:6].isdecimal()]
