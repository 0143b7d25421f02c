"""The training loop: one for every recipe, one process or several."""

import json
import subprocess
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import hw_config
from vega_policy import checkpoint
from vega_policy.alignment.build import build_teacher
from vega_policy.contract import (
    CameraContract,
    ImageContract,
    NormalizationContract,
    PolicyContract,
)
from vega_policy.data.dataset import Batch, DatasetFacts, open_datasets
from vega_policy.errors import CheckpointError, DatasetError, RecipeError
from vega_policy.images import centre_crops
from vega_policy.model.initialization import initialize_from_scratch
from vega_policy.model.policy import VegaPolicy
from vega_policy.recipe import Recipe, models_dir
from vega_policy.tokenizer import InstructionTokenizer
from vega_policy.training import augmentation
from vega_policy.training.objective import Losses, Objective
from vega_policy.training.optimizer import MasterAdamW, learning_rate
from vega_policy.training.ranks import Ranks

CHECKPOINT = "checkpoint"
STATE = "training_state.pt"
LOG = "log.jsonl"
VALIDATION_SAMPLES = 256
VALIDATION_BATCH = 32


class Trainer:
    """A run in a folder.

    Args:
        recipe: What to train and how.
        dataset: Folder of episodes.
        out: Gets ``checkpoint/``, ``training_state.pt`` and ``log.jsonl``.
        ranks: The processes of the run.
        report: Gets lines for people.

    Raises:
        PolicyError: The recipe, the dataset and the robot do not belong together.
    """

    def __init__(
        self,
        recipe: Recipe,
        dataset: Path,
        out: Path,
        ranks: Ranks,
        report: Callable[[str], None],
    ) -> None:
        self.recipe = recipe
        self.out = out
        self._ranks = ranks
        self._report = report
        if recipe.training.batch % ranks.size:
            raise RecipeError(
                f"a batch of {recipe.training.batch} does not divide among {ranks.size} processes"
            )
        self._tokenizer_file = models_dir() / recipe.tokenizer
        tokenizer = InstructionTokenizer(self._tokenizer_file, recipe.instruction_template)
        if tokenizer.vocab_size > recipe.model.llm.vocab_size:
            raise RecipeError(
                f"the tokenizer has {tokenizer.vocab_size} tokens, model.llm.vocab_size is "
                f"{recipe.model.llm.vocab_size}"
            )
        if not ranks.is_first:
            ranks.barrier()
        data = open_datasets(dataset, recipe, tokenizer, report, build=ranks.is_first)
        if ranks.is_first:
            ranks.barrier()
        self._train, self._validation = data.train, data.validation
        self.contract = training_contract(recipe, data.facts)
        self.step = 0
        self._stop = False

        torch.manual_seed(recipe.training.seed)
        policy = VegaPolicy(recipe.model)
        initialize_from_scratch(policy)
        policy.to_compute_dtype(checkpoint.compute_dtype(recipe.training.precision))
        teacher = build_teacher(recipe, data.facts.camera_names)
        self.objective = Objective(policy, recipe, teacher)
        self._optimizer = MasterAdamW(
            list(self.objective.parameters()), recipe.training.optimizer, ranks
        )

    def run(self) -> bool:
        """Trains to the last step, saving now and then.

        Returns:
            Whether the last step was reached; False after :meth:`request_stop`.
        """
        training = self.recipe.training
        self._describe()
        clock, logged = time.monotonic(), self.step
        while self.step < training.steps:
            losses = self._train_step()
            self.step += 1
            if self.step % training.log_every == 0 or self.step == training.steps:
                now = time.monotonic()
                self._log(losses, (now - clock) / (self.step - logged))
                clock, logged = now, self.step
            stop = self._ranks.any(self._stop)
            if stop or self.step % training.save_every == 0 or self.step == training.steps:
                self.save()
                clock, logged = time.monotonic(), self.step
            if stop:
                return self.step == training.steps
        return True

    def request_stop(self) -> None:
        """Asks the loop to save and return after the step it is in."""
        self._stop = True

    def _train_step(self) -> Losses:
        training = self.recipe.training
        rng = np.random.default_rng([training.seed, self.step])
        views = self.recipe.model.views
        changes = augmentation.draw(self.recipe, training.batch * views, rng)
        rows = self._ranks.share(training.batch)
        crops, jitter = augmentation.part_of(changes, slice(rows.start * views, rows.stop * views))
        numbers = sample_numbers(len(self._train), training.batch, training.seed, self.step)
        self.objective.train()
        losses = self.objective(self._train.batch(numbers[rows]), crops, jitter)
        losses.total.backward()
        self._optimizer.step(self.step, training.steps)
        return losses

    def _describe(self) -> None:
        if not self._ranks.is_first:
            return
        policy = self.objective.policy
        self._report(
            f"{self.recipe.name}: {checkpoint.parameter_count(policy):,} parameters, "
            f"{len(self._train)} samples, {self.recipe.training.steps} steps of "
            f"{self.recipe.training.batch}, from step {self.step}"
        )

    def _log(self, losses: Losses, step_s: float) -> None:
        values = torch.stack([value.detach().float() for value in losses])
        self._ranks.average([values])
        total, action, first, alignment = values.tolist()
        if not np.isfinite(total):
            raise RecipeError(
                f"the loss is not finite at step {self.step}: lower "
                "training.optimizer.learning_rate or set training.optimizer.clip_norm"
            )
        if not self._ranks.is_first:
            return
        training = self.recipe.training
        rate = learning_rate(training.optimizer, self.step - 1, training.steps)
        left = (training.steps - self.step) * step_s
        self._report(
            f"step {self.step}/{training.steps}  loss {total:.4f}  action {action:.4f}  "
            f"first {first:.4f}  align {alignment:.4f}  lr {rate:.1e}  "
            f"{training.batch / step_s:.1f} samples/s  ETA {_duration(left)}"
        )
        self._write_log({"step": self.step, "action": action, "first": first, "align": alignment})

    def _write_log(self, entry: dict[str, float]) -> None:
        with (self.out / LOG).open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def save(self) -> None:
        """Writes the checkpoint (averaged weights if there are any) and the state to go on from."""
        if self._ranks.is_first:
            self._optimizer.use_averages()
            held_out = self._validate()
            checkpoint.save(
                self.out / CHECKPOINT,
                self.objective.policy,
                self.contract,
                self._tokenizer_file,
                self.objective.align_projector,
            )
            self._optimizer.use_masters()
            state = {"step": self.step, "optimizer": self._optimizer.state()}
            partial = self.out / f"{STATE}.partial"
            torch.save(state, partial)
            partial.replace(self.out / STATE)
            note = ""
            if held_out is not None:
                action, first = held_out
                note = f"; held out: action {action:.4f}, first {first:.4f}"
                self._write_log({"step": self.step, "val_action": action, "val_first": first})
            self._report(f"saved {self.out / CHECKPOINT} at step {self.step}{note}")
        self._ranks.barrier()

    @torch.no_grad()
    def _validate(self) -> tuple[float, float] | None:
        """Action loss over held-out samples with centre crops: whole chunk, first action."""
        data = self._validation
        if data is None:
            return None
        self.objective.eval()
        numbers = np.linspace(0, len(data) - 1, min(VALIDATION_SAMPLES, len(data))).astype(int)
        sums = np.zeros(2)
        for part in np.split(numbers, range(VALIDATION_BATCH, len(numbers), VALIDATION_BATCH)):
            batch = data.batch(part)
            losses = self.objective(batch, self._centre(batch), None)
            sums += len(part) * np.array([float(losses.action), float(losses.first_action)])
        action, first = sums / len(numbers)
        return float(action), float(first)

    def _centre(self, batch: Batch) -> Any:
        return centre_crops(
            batch.views.shape[0] * batch.views.shape[1], self.recipe.image.crop_area
        )

    def resume(self) -> None:
        """Goes on from the state in the output folder.

        Raises:
            CheckpointError: There is none, or it is of another model.
        """
        path = self.out / STATE
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            self._optimizer.restore(state["optimizer"])
            self.step = int(state["step"])
        except FileNotFoundError:
            raise CheckpointError(f"{self.out} holds no run to resume: no {STATE}") from None
        except Exception as error:  # torch.load raises whatever the damage leads to
            raise CheckpointError(f"{path} is damaged or of another recipe ({error})") from None


def sample_numbers(samples: int, batch: int, seed: int, step: int) -> NDArray[np.int64]:
    """Samples of a step: shuffled epochs, one after the other, known from the step alone."""
    positions = np.arange(step * batch, (step + 1) * batch)
    epochs = positions // samples
    return np.array(
        [_epoch_order(samples, seed, int(e))[p % samples] for e, p in zip(epochs, positions)]
    )


@lru_cache(maxsize=2)
def _epoch_order(samples: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, 1, epoch]).permutation(samples)


def training_contract(recipe: Recipe, facts: DatasetFacts) -> PolicyContract:
    """What the policy.yaml of a run says.

    Raises:
        DatasetError: The dataset contradicts hw_config or the recipe.
    """
    hw = hw_config.load()
    known = {str(name): camera for name, camera in hw.cameras.items()}
    strange = [name for name in facts.camera_names if name not in known]
    if strange:
        raise DatasetError(f"cameras {strange} of the dataset are not in hw_config: {list(known)}")
    if len(facts.joint_names) != recipe.model.action_dim:
        raise DatasetError(
            f"the dataset has {len(facts.joint_names)} action values, the recipe "
            f"{recipe.model.action_dim}"
        )
    cameras = [known[name] for name in facts.camera_names]
    return PolicyContract(
        recipe=recipe.name,
        tasks=facts.tasks,
        joint_names=facts.joint_names,
        action_dim=recipe.model.action_dim,
        proprio_dim=recipe.model.proprio_dim,
        chunk=recipe.model.chunk,
        control_hz=facts.fps,
        action_tokens=recipe.model.action_tokens,
        cameras=tuple(
            CameraContract(name=c.name, dataset_key=c.dataset_key, width=c.width, height=c.height)
            for c in cameras
        ),
        image=ImageContract(
            squash=recipe.image.squash,
            size=recipe.model.image_size,
            crop_area=recipe.image.crop_area,
            jpeg=recipe.image.jpeg,
        ),
        normalization=NormalizationContract(
            scheme=recipe.data.normalization, action=facts.action, proprio=facts.proprio
        ),
        instruction_template=recipe.instruction_template,
        git_commit=git_commit(),
    )


def git_commit() -> str:
    """Commit of this code, with "-dirty" after local changes, or "unknown"."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    folder = Path(__file__).parent
    try:
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return result.stdout.strip()


def _duration(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"
