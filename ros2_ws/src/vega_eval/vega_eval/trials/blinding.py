"""Which checkpoint hides behind which letter, kept apart until the session closes.

The key is written before the first trial, and its digest stands in session.json: afterwards nobody
can swap identities. It is base64 so that a glance into the folder does not unblind anybody; it is
no secret from somebody who wants to know.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from vega_eval.errors import SessionError
from vega_eval.trials.record import Data, Letter

BLINDED_FILE, REVEALED_FILE = "key.sealed", "key.json"
_TAG_DIGITS = 16
_BLOCK = 1 << 22


class PolicyIdentity(Data):
    """One checkpoint.

    Attributes:
        name: How reports call it: the folder's name, made unique.
        checkpoint: The folder, absolute.
        sha256: Of its files' names and contents.
        recipe: What it was trained with, as its policy.yaml says.
        commit: Of the code that trained it.
    """

    name: str
    checkpoint: str
    sha256: str
    recipe: str = ""
    commit: str = ""


class BlindingKey(Data):
    """The identities of a session.

    Attributes:
        salt: Makes tags of the same checkpoint differ from session to session.
        policies: By letter.
    """

    salt: str
    policies: dict[Letter, PolicyIdentity]

    @property
    def digest(self) -> str:
        """What session.json says of it."""
        return hashlib.sha256(self._text().encode()).hexdigest()

    def tag(self, letter: str) -> str:
        """Proof, in a trial's record, of which checkpoint ran."""
        proof = f"{self.salt} {self.policies[letter].sha256}"
        return hashlib.sha256(proof.encode()).hexdigest()[:_TAG_DIGITS]

    def blinded_text(self) -> str:
        """As the text of the blinded file."""
        return base64.b64encode(self._text().encode()).decode() + "\n"

    def revealed_text(self) -> str:
        """As the text of the file that reveals them."""
        return json.dumps(self.model_dump(mode="json"), indent=1) + "\n"

    def _text(self) -> str:
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


def read_key(folder: Path, digest: str) -> BlindingKey:
    """The key of a session, from its blinded file.

    Raises:
        SessionError: It is missing, unreadable, or not the one that session.json names.
    """
    path = folder / BLINDED_FILE
    try:
        key = BlindingKey.model_validate_json(
            base64.b64decode(path.read_bytes().strip(), validate=True)
        )
    except FileNotFoundError:
        raise SessionError(f"{path} is missing: which policy is which cannot be told") from None
    except OSError as error:
        raise SessionError(f"{path}: cannot be read ({error.strerror})") from None
    except (binascii.Error, ValidationError, ValueError):
        raise SessionError(f"{path}: damaged; which policy is which cannot be told") from None
    if key.digest != digest:
        raise SessionError(f"{path}: not the key with which this session began")
    return key


def digest_of(checkpoint: Path, progress: Callable[[int, int], None] | None = None) -> str:
    """SHA-256 over names and contents of a checkpoint's files.

    Args:
        checkpoint: The folder.
        progress: Gets bytes read so far and bytes in all.

    Raises:
        SessionError: A file cannot be read.
    """
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    total, done = sum(path.stat().st_size for path in files), 0
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(checkpoint)}\n{path.stat().st_size}\n".encode())
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
                    done += len(block)
                    if progress is not None:
                        progress(done, total)
        except OSError as error:
            raise SessionError(f"{path}: cannot be read ({error.strerror})") from None
    return digest.hexdigest()


def names_of(checkpoints: list[Path]) -> list[str]:
    """A short name for each: the folder's own, with as much of its parents as tells them apart.

    One that is given several times is numbered.
    """
    parts = [path.resolve().parts[::-1] for path in checkpoints]
    names = []
    for place, mine in enumerate(parts):
        depth = 1
        while depth < len(mine) and sum(mine[:depth] == other[:depth] for other in set(parts)) > 1:
            depth += 1
        number = f" ({parts[:place].count(mine) + 1})" if parts.count(mine) > 1 else ""
        names.append("/".join(mine[:depth][::-1]) + number)
    return names
