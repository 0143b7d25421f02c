import cv2
import numpy as np
import pytest
from vega_eval.session import placement_images
from vega_eval.session.placement_images import ReferenceImages

RED = np.full((48, 64, 3), (200, 0, 0), np.uint8)
BLUE = np.full((48, 64, 3), (0, 0, 100), np.uint8)


def test_the_first_picture_of_a_placement_is_its_reference_for_good(tmp_path):
    references = ReferenceImages(tmp_path)
    assert references.of(3) is None
    references.keep(3, RED)
    references.keep(3, BLUE)
    assert (references.of(3) == RED).all()
    assert references.of(4) is None


def test_a_blend_shows_both_and_is_as_large_as_the_live_picture():
    assert placement_images.blend(RED, BLUE)[0, 0].tolist() == [100, 0, 50]
    small = np.full((24, 32, 3), (200, 0, 0), np.uint8)
    assert placement_images.blend(small, BLUE).shape == BLUE.shape


def test_the_difference_is_none_for_the_same_scene():
    assert placement_images.difference(RED, RED) == 0.0
    assert placement_images.difference(RED, BLUE) == pytest.approx(100.0)


def test_the_saved_picture_has_three_panes_in_true_colours(tmp_path):
    placement_images.save(tmp_path / "reset.jpg", RED, BLUE)
    panes = cv2.imread(str(tmp_path / "reset.jpg"))[:, :, ::-1]
    assert panes.shape == (48, 192, 3)
    for pane, colour in enumerate(((200, 0, 0), (0, 0, 100), (100, 0, 50))):
        assert np.abs(panes[24, 64 * pane + 32].astype(int) - colour).max() < 12
    placement_images.save(tmp_path / "first.jpg", None, BLUE)
    assert cv2.imread(str(tmp_path / "first.jpg")).shape == (48, 64, 3)
