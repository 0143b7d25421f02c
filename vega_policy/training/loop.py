"""The training loop: one for every recipe, one process or several."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vega_policy import checkpoint
from vega_policy.alignment.build import build_alignment
from vega_policy.data.dataset import Batch
from vega_policy.errors import RecipeError
from vega_policy.images import Crops, centre_crops
from vega_policy.plan.check import check_device
from vega_policy.recipe import Recipe
from vega_policy.training import augmentation, lora
from vega_policy.training.objective import Losses, Objective
from vega_policy.training.optimizer import MasterAdamW, learning_rate
from vega_policy.training.preflight import preflight
from vega_policy.training.ranks import Ranks
from vega_policy.training.resume import saved_record, saved_state
from vega_policy.training.run_folder import RunFolder
from vega_policy.training.sampling import sample_numbers
from vega_policy.training.start import starting_policy

MOST_BAD_STEPS = 3
"""So many steps in a row without finite gradients end a run."""
LAUNCHER_PATIENCE_S = 30.0
"""torchrun kills its processes so long after it was told to stop, unless told otherwise."""
VALIDATION_SAMPLES = 256
VALIDATION_BATCH = 32


class Trainer:
    """A run in a folder.

    Args:
        recipe: What to train and how.
        dataset: Folder of ``.npz`` episodes, or a LeRobot dataset.
        out: Gets what :class:`RunFolder` lists.
        ranks: The processes of the run.
        report: Gets lines for people.
        resume: Whether to go on from the state in the folder, see :meth:`resume`.

    Raises:
        PolicyError: The recipe, the dataset and the robot do not belong together, or it is not
            the run that was saved.
    """

    def __init__(
        self,
        recipe: Recipe,
        dataset: Path,
        out: Path,
        ranks: Ranks,
        report: Callable[[str], None],
        resume: bool = False,
    ) -> None:
        self.recipe = recipe
        self._folder = RunFolder(out, recipe.training.keep)
        if ranks.is_first:
            self._folder.make_whole()
        self._ranks = ranks
        self._report = report
        self._micro_batches = _micro_batches(recipe, ranks)
        known = preflight(recipe, dataset, report, out if resume else None)
        self.contract, self.record = known.contract, known.record
        self._tokenizer_file = known.tokenizer_file
        first = self._micro_batches[0]
        check_device(recipe, first.stop - first.start, len(self._micro_batches), ranks, report)
        if ranks.is_first:
            known.data.cache.build(report)
        ranks.barrier()
        data = known.data.open()
        self._train, self._validation = data.train, data.validation
        self.step = 0
        self._bad_steps = 0
        self._saved_step: int | None = None
        self._best = float("inf")
        self._stop = False

        policy = starting_policy(recipe, ranks.device)
        alignment = build_alignment(recipe, data.facts.camera_names)
        self.objective = Objective(policy, recipe, alignment).to(ranks.device)
        trained = [weight for weight in self.objective.parameters() if weight.requires_grad]
        self._optimizer = MasterAdamW(trained, recipe.training.optimizer, ranks)
        if resume:
            self.resume()

    def run(self) -> bool:
        """Trains to the last step, saving now and then.

        Returns:
            Whether the last step was reached; False after :meth:`request_stop`.
        """
        training = self.recipe.training
        self._describe()
        self._check_space()
        clock, logged = time.monotonic(), self.step
        while self.step < training.steps:
            losses = self._train_step()
            self.step += 1
            stop = self._ranks.any(self._stop)
            saves = stop or self.step % training.save_every == 0 or self.step == training.steps
            if saves or self.step % training.log_every == 0:
                self._log(losses, (time.monotonic() - clock) / (self.step - logged))
                if saves:
                    # Whoever stops a run may have little patience.
                    self.save(validate=not stop)
                clock, logged = time.monotonic(), self.step
            if stop:
                return self.step == training.steps
        return True

    def request_stop(self) -> None:
        """Asks the loop to save and return after the step it is in."""
        self._stop = True

    def _train_step(self) -> Losses:
        """One update; returns this process's losses, means over its share of the batch."""
        training = self.recipe.training
        rng = np.random.default_rng([training.seed, self.step])
        views = self.recipe.model.views
        changes = augmentation.draw(self.recipe, training.batch * views, rng)
        numbers = sample_numbers(len(self._train), training.batch, training.seed, self.step)
        self.objective.train()
        parts = []
        for rows in self._micro_batches:
            shown = slice(rows.start * views, rows.stop * views)
            crops, jitter = augmentation.part_of(changes, shown, self._ranks.device)
            batch = self._train.batch(numbers[rows]).to(self._ranks.device)
            # Noise and dropout depend on the step and the sample alone, as all else does.
            torch.manual_seed(_noise_seed(training.seed, self.step, rows.start))
            losses = self.objective(batch, crops, jitter)
            (losses.total / len(self._micro_batches)).backward()
            self._optimizer.accumulate()
            parts.append(torch.stack([value.detach().float() for value in losses]))
        if self._optimizer.step(self.step, training.steps):
            self._bad_steps = 0
        else:
            self._bad_steps += 1
            self._report(f"step {self.step + 1}: gradients are not finite, the step is left out")
        if self._bad_steps >= MOST_BAD_STEPS:
            raise RecipeError(_not_finite(self.step + 1))
        return Losses(*torch.stack(parts).mean(dim=0))

    def _describe(self) -> None:
        if not self._ranks.is_first:
            return
        weights = list(self.objective.policy.parameters())
        total = sum(weight.numel() for weight in weights)
        trained = sum(weight.numel() for weight in weights if weight.requires_grad)
        share = "" if trained == total else f"{trained:,} of them trained, "
        self._report(
            f"{self.recipe.name}: {total:,} parameters, {share}"
            f"{len(self._train)} samples, {self.recipe.training.steps} steps of "
            f"{self.recipe.training.batch}, from step {self.step}"
        )

    def _log(self, losses: Losses, step_s: float) -> None:
        values = torch.stack(list(losses))
        self._ranks.average([values])
        total, action, first, alignment = values.tolist()
        if not np.isfinite(total) and self._bad_steps == 0:
            raise RecipeError(_not_finite(self.step))
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
        if self._bad_steps == 0:
            entry = {"step": self.step, "action": action, "first": first, "align": alignment}
            self._folder.add_to_log(entry)

    def save(self, validate: bool = True) -> None:
        """Writes the state to go on from, and the checkpoint (averaged weights if there are any).

        Args:
            validate: Whether to compute the loss on held-out samples.

        Raises:
            RecipeError: A weight is not finite; what was saved before stays.
            CheckpointError: The disk is full or cannot be written; as above.
        """
        if self._ranks.is_first:
            began = time.monotonic()
            if not self._optimizer.finite():
                raise RecipeError(_not_finite(self.step))
            self._folder.write_state(self._state())
            self._optimizer.use_averages()
            held_out = self._validate() if validate else None
            self._write_checkpoint()
            self._optimizer.use_masters()
            self._report_saved(held_out, time.monotonic() - began)
        self._ranks.barrier()

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "optimizer": self._optimizer.state(),
            "run": self.record._asdict(),
            "checkpoint": self._saved_step,
        }

    def _write_checkpoint(self) -> None:
        policy, changes = self.objective.policy, self.recipe.lora
        self._folder.set_aside(self._saved_step)
        checkpoint.save(
            self._folder.checkpoint,
            policy,
            self.contract,
            self._tokenizer_file,
            self.objective.align_projector,
            None if changes is None else lora.extract(policy, changes),
        )
        self._saved_step = self.step

    def _report_saved(self, held_out: tuple[float, float] | None, took_s: float) -> None:
        note = ""
        if held_out is not None:
            action, first = held_out
            note = f"; held out: action {action:.4f}, first {first:.4f}"
            entry = {"step": self.step, "val_action": action, "val_first": first}
            self._folder.add_to_log(entry)
            if action < self._best:
                self._best = action
                self._folder.set_best()
        self._report(f"saved {self._folder.checkpoint} at step {self.step}{note}")
        if self._ranks.size > 1 and took_s > LAUNCHER_PATIENCE_S / 2:
            self._report(
                f"saving took {took_s:.0f} s; torchrun kills a run {LAUNCHER_PATIENCE_S:.0f} s "
                f"after Ctrl-C: start it with torchrun --shutdown-timeout {2 * took_s + 60:.0f}"
            )

    def _check_space(self) -> None:
        if self._ranks.is_first:
            weights = sum(weight.nbytes for weight in self.objective.parameters())
            with_best = self._validation is not None
            self._folder.check_space(self._optimizer.state_bytes(), weights, with_best)

    @torch.no_grad()
    def _validate(self) -> tuple[float, float] | None:
        """Action loss over held-out samples with centre crops: whole chunk, first action."""
        data = self._validation
        if data is None:
            return None
        self.objective.eval()
        torch.manual_seed(self.recipe.training.seed)
        numbers = np.linspace(0, len(data) - 1, min(VALIDATION_SAMPLES, len(data))).astype(int)
        sums = np.zeros(2)
        size = min(VALIDATION_BATCH, self._micro_batches[0].stop - self._micro_batches[0].start)
        for part in np.split(numbers, range(size, len(numbers), size)):
            batch = data.batch(part).to(self._ranks.device)
            losses = self.objective(batch, self._centre(batch), None)
            sums += len(part) * np.array([float(losses.action), float(losses.first_action)])
        action, first = sums / len(numbers)
        return float(action), float(first)

    def _centre(self, batch: Batch) -> Crops:
        samples, views = batch.views.shape[:2]
        area = self.recipe.image.crop_area
        return centre_crops(samples * views, area, self._ranks.device)

    def resume(self) -> None:
        """Goes on from the state in the output folder.

        Raises:
            CheckpointError: There is none, it is damaged, or it is of another recipe or dataset.
        """
        state = saved_state(self._folder.path)
        before = saved_record(state, self._folder.path)
        self.record.check_same(before)
        if before.episodes is None:
            self._report("the run does not say which episodes it had: not compared")
        if before.base is None and self.record.base is not None:
            self._report("the run does not say what its base was: not compared")
        self._optimizer.restore(state["optimizer"])
        self.step = step = state["step"]
        if self._ranks.is_first:
            whole = self._folder.has_checkpoint_of_state()
            self._saved_step = step if whole else state.get("checkpoint")
            self._folder.forget_after(step)
            self._best = self._folder.least_held_out()
        if step >= self.recipe.training.steps:
            self._report(f"the run has done its {step} steps: nothing is left to do")


def _micro_batches(recipe: Recipe, ranks: Ranks) -> list[slice]:
    """This process's rows of each batch, in the pieces in which they are computed."""
    batch = recipe.training.batch
    size = recipe.training.micro_batch or batch // ranks.size
    if size == 0 or batch % (size * ranks.size):
        raise RecipeError(
            f"a batch of {batch} does not divide among {ranks.size} processes"
            + (f" in micro-batches of {size}" if recipe.training.micro_batch else "")
        )
    rows = ranks.share(batch)
    return [slice(start, start + size) for start in range(rows.start, rows.stop, size)]


def _noise_seed(seed: int, step: int, row: int) -> int:
    return int(np.random.SeedSequence([seed, 2, step, row]).generate_state(1, np.uint64)[0])


def _not_finite(step: int) -> str:
    return (
        f"the loss is not finite at step {step}: lower training.optimizer.learning_rate or set "
        "training.optimizer.clip_norm; what was saved before stays, --resume goes on from there"
    )


def _duration(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"
