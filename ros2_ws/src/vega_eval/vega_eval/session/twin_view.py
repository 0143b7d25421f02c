"""What the head camera would see of a placement: a reference before anybody has laid it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from vega_eval.session.reset_help import Picture
from vega_eval.trials.session_spec import TaskSpec


class TwinView:
    """Renders placements in a twin of its own; always from the same thread.

    Args:
        card: Whose scenes they are.
        tell: Gets the sentence that it cannot be done here, once.
    """

    def __init__(self, task_spec: TaskSpec, tell: Callable[[str], None]) -> None:
        self._task_spec, self._tell = task_spec, tell
        self._works = find_spec("mujoco") is not None

    def of(self, seed: int | None) -> Picture | None:
        """The head camera's picture of a scene, uint8 [H, W, 3]; None where it cannot be made."""
        if seed is None or not self._works:
            return None
        # Here, not above: only the twin needs MuJoCo.
        from vega_sim.render import RenderError
        from vega_sim.twin import Twin

        twin = Twin(self._task_spec.task, self._task_spec.variant)
        try:
            twin.reset(seed)
            return twin.render(twin.hw.overview_camera.name)
        except RenderError as error:
            self._works = False
            self._tell(f"the twin cannot show how a scene should look: {error}")
            return None
        finally:
            twin.close()
