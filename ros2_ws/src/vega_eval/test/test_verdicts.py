import pytest
from vega_eval.episode.episode_state_machine import EpisodeOutcome
from vega_eval.episode.summary import CameraCount, EpisodeRecord
from vega_eval.failure_types import COMMS, ESTOP, LOCALISATION
from vega_eval.scoring import trial_figures, verdict_by_rules
from vega_eval.trials.record import TrialOutcome

NONE = {"touched": False, "folded": False, "closed": False}
SOME = {"touched": True, "folded": False, "closed": False}


def test_success_is_success():
    verdict = verdict_by_rules(EpisodeOutcome.SUCCESS, "", SOME, None)
    assert (verdict.outcome, verdict.progress) == (TrialOutcome.SUCCESS, 1.0)


@pytest.mark.parametrize(
    ("milestones", "outcome", "progress"),
    [(NONE, TrialOutcome.FAIL, 0.0), (SOME, TrialOutcome.PARTIAL, 1 / 3)],
)
def test_time_that_ran_out_is_a_failure_of_its_type(milestones, outcome, progress):
    kind = LOCALISATION
    verdict = verdict_by_rules(EpisodeOutcome.FAILURE, "not done within 15 s", milestones, kind)
    assert (verdict.outcome, verdict.failure_type) == (outcome, kind)
    assert verdict.progress == pytest.approx(progress)


def test_what_is_not_the_policy_s_doing_is_invalid():
    problem = "the head camera has been silent for more than 2 s"
    verdict = verdict_by_rules(EpisodeOutcome.ABORTED, problem, SOME, None, problem)
    assert (verdict.outcome, verdict.failure_type) == (TrialOutcome.INVALID, COMMS)
    assert "head camera" in verdict.reason
    still = verdict_by_rules(EpisodeOutcome.ABORTED, "time has stood still for 10 s", NONE, None)
    assert still.outcome is TrialOutcome.INVALID


def test_an_emergency_stop_is_a_failure_even_if_the_task_was_done_meanwhile():
    for outcome in (EpisodeOutcome.ABORTED, EpisodeOutcome.SUCCESS):
        verdict = verdict_by_rules(outcome, "pressed", SOME, None, estopped=True)
        assert (verdict.outcome, verdict.failure_type) == (TrialOutcome.PARTIAL, ESTOP)


def test_figures_are_what_rose_during_the_trial():
    record = EpisodeRecord(
        25.0, step_times_s=[1.0, 1.04], inference_ms=[20.0, 30.0], moved_rad=1.23456
    )
    record.clamped, record.refused = [10, 12, 15], [3, 3]
    record.camera_counts = {"head": [CameraCount(1.0, 30, 0), CameraCount(2.0, 60, 2)]}
    figures = trial_figures(record, 3.0, 3.3)
    assert (figures.clamped, figures.refused, figures.policy_steps) == (5, 0, 2)
    assert (figures.moved_rad, figures.chunks) == (1.235, 2)
    assert (figures.inference_ms.p50, figures.observation_age_ms.p50) == (25.0, None)
    assert (figures.camera_hz["head"], figures.dropped_frames["head"]) == (30.0, 2)
