"""The image pipeline against Pillow's and TensorFlow's results, see data/README.md."""

import colorsys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vega_policy import images
from vega_policy.errors import ObservationError
from vega_policy.images import Crops, Jitter
from vega_policy.jpeg import jpeg_round_trip
from vega_policy.vega_contract import ImageContract

DATA = Path(__file__).parent / "data"
EVERY = 8  # pixels of the crops that the golden file keeps


@pytest.fixture(scope="module")
def golden():
    with np.load(DATA / "images.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def whole():
    return batch(np.asarray(Image.open(DATA / "policy_224.png")))


def batch(image):
    return torch.from_numpy(np.array(image))[None]


def inner(image, margin):
    """A tile without the rim that its neighbours have a part in."""
    return np.asarray(image)[margin:-margin, margin:-margin].astype(float)


def nearly_exact(ours, theirs, margin=6):
    difference = np.abs(inner(ours, margin) - inner(theirs, margin))
    assert difference.max() <= 1
    assert difference.mean() < 0.01


def test_squash_is_pillows_bicubic(golden):
    squashed = images.squash(batch(golden["camera"]), 64)
    assert (inner(squashed[0], 3) == inner(golden["squashed"], 3)).all()
    assert images.squash(squashed, 64) is squashed


def noise(*shape, seed=0):
    """Mostly black and white pixels: filters overshoot and are clipped."""
    rng = np.random.default_rng(seed)
    coarse = rng.choice([0, 255], shape)
    return np.where(rng.random(shape) < 0.8, coarse, rng.integers(0, 256, shape)).astype(np.uint8)


@settings(deadline=None)
@given(*[st.integers(1, 80)] * 4, st.integers(0, 999))
def test_bicubic_resize_is_pillow_to_the_bit(height, width, new_height, new_width, seed):
    image = noise(height, width, 3, seed=seed)
    # One pass a call: what Pillow does first in a call of two depends on its version.
    narrow = Image.fromarray(image).resize((new_width, height), Image.Resampling.BICUBIC)
    theirs = narrow.resize((new_width, new_height), Image.Resampling.BICUBIC)
    ours = images.bicubic_resize(batch(image), new_height, new_width)[0]
    assert (ours.numpy() == np.asarray(theirs)).all()


@pytest.mark.parametrize("shape", [(480, 640, 3), (720, 1280, 3), (200, 200, 3), (256, 256, 3)])
def test_squash_of_a_camera_frame_is_one_call_of_pillow_on_every_device(shape):
    frames = noise(2, *shape)
    theirs = [
        np.asarray(Image.fromarray(frame).resize((256, 256), Image.Resampling.BICUBIC))
        for frame in frames
    ]
    assert (images.squash(torch.from_numpy(frames), 256).numpy() == theirs).all()
    assert (images.bicubic_resize(torch.from_numpy(frames), 256, 256).numpy() == theirs).all()


CONTRACT = ImageContract(squash=40, size=28, crop_area=0.9, jpeg=True)


def test_preprocess_is_the_operations_in_their_order():
    frames = torch.from_numpy(noise(2, 48, 64, 3))
    squashed = jpeg_round_trip(images.squash(frames, 40))
    planes = images.evaluation_images(images.lanczos_resize(squashed, 28), 0.9)
    expected = images.to_model_channels(planes, 1)
    assert torch.equal(images.preprocess([frames], CONTRACT), expected)


def test_preprocess_of_cameras_of_different_sizes():
    views = [torch.from_numpy(noise(3, *size, 3)) for size in ((48, 64), (40, 40), (72, 50))]
    pixels = images.preprocess(views, CONTRACT)
    assert pixels.shape == (3, 18, 28, 28)
    for sample in range(3):
        for view, frames in enumerate(views):
            alone = images.preprocess([frames[sample : sample + 1]], CONTRACT)[0]
            part = pixels[sample, 6 * view : 6 * view + 6]
            torch.testing.assert_close(part, alone, atol=1e-6, rtol=0)


def test_lanczos(golden):
    nearly_exact(images.lanczos_resize(batch(golden["squashed"]), 56)[0], golden["resized"])
    same = batch(golden["squashed"])
    assert images.lanczos_resize(same, 64) is same


@pytest.mark.parametrize(
    ("source", "result"),
    [("squashed", "resized_jpeg"), ("camera", "resized_jpeg_unsquashed")],
)
def test_jpeg_round_trip_before_lanczos(golden, source, result):
    resized = images.lanczos_resize(jpeg_round_trip(batch(golden[source])), 56)[0]
    nearly_exact(resized, golden[result], margin=10)


def test_jpeg_round_trip_equals_libjpeg_to_the_bit(golden):
    assert (jpeg_round_trip(batch(golden["odd"]))[0].numpy() == golden["odd_jpeg"]).all()


def test_jpeg_round_trip_of_a_batch():
    generator = torch.Generator().manual_seed(0)
    pair = torch.randint(0, 256, (2, 24, 40, 3), dtype=torch.uint8, generator=generator)
    single = torch.cat([jpeg_round_trip(image[None]) for image in pair])
    assert torch.equal(jpeg_round_trip(pair), single)


def test_centre_crop(golden, whole):
    cropped = images.evaluation_images(whole, 0.9)[0].permute(1, 2, 0) * 255
    difference = np.abs(cropped[::EVERY, ::EVERY].numpy() - golden["centre_crop"])
    assert difference.max() <= 1
    assert difference.mean() < 0.01


@pytest.mark.parametrize(("name", "corner"), [("top_left", 0.0), ("bottom_right", 1.0)])
def test_training_crops(golden, whole, name, corner):
    side = 0.9**0.5
    start = torch.tensor([corner * (1 - side)])
    cropped = images.training_images(whole, Crops(start, start, side), None)[0].permute(1, 2, 0)
    difference = np.abs(cropped[::EVERY, ::EVERY].numpy() - golden[f"crop_{name}"])
    assert difference.max() < 2e-5


def test_a_crop_of_the_whole_area_changes_nothing(whole):
    everything = Crops(torch.zeros(1), torch.zeros(1), 1.0)
    planes = images.training_images(whole, everything, None)
    torch.testing.assert_close(planes, whole.permute(0, 3, 1, 2) / 255, atol=1e-6, rtol=0)
    assert torch.equal(images.evaluation_images(whole, 1.0), whole.permute(0, 3, 1, 2) / 255)


def jittered(image, brightness=0.0, contrast=1.0, saturation=1.0, hue=0.0):
    everything = Crops(torch.zeros(1), torch.zeros(1), 1.0)
    change = Jitter(*(torch.tensor([x]) for x in (brightness, contrast, saturation, hue)))
    return images.training_images(image, everything, change)[0]


def test_brightness_is_added_and_contrast_acts_about_each_channels_mean(whole):
    plain = jittered(whole)
    torch.testing.assert_close(jittered(whole, brightness=0.1), (plain + 0.1).clamp(0, 1))
    mean = plain.mean(dim=(1, 2), keepdim=True)
    expected = ((plain - mean) * 1.2 + mean).clamp(0, 1)
    torch.testing.assert_close(jittered(whole, contrast=1.2), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("saturation", "hue"), [(1.2, 0.0), (0.8, 0.05), (1.0, -0.05)])
def test_saturation_and_hue_act_in_hsv(saturation, hue):
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (1, 8, 8, 3), dtype=torch.uint8, generator=generator)
    image[0, 0, :4] = torch.tensor([[0, 0, 0], [255, 255, 255], [90, 90, 90], [200, 10, 10]])
    ours = jittered(image, saturation=saturation, hue=hue)
    for row in range(8):
        for column in range(8):
            h, s, v = colorsys.rgb_to_hsv(*(image[0, row, column] / 255).tolist())
            expected = colorsys.hsv_to_rgb((h + hue) % 1, min(1, s * saturation), v)
            assert ours[:, row, column].tolist() == pytest.approx(expected, abs=2e-6)


def test_both_towers_get_their_own_normalisation():
    planes = torch.rand(4, 3, 2, 2)
    channels = images.to_model_channels(planes, views=2)
    assert channels.shape == (2, 12, 2, 2)
    for view in range(4):
        six = channels.reshape(4, 6, 2, 2)[view]
        for channel in range(3):
            dino = (planes[view, channel] - images.DINO_MEAN[channel]) / images.DINO_STD[channel]
            torch.testing.assert_close(six[channel], dino)
            torch.testing.assert_close(six[3 + channel], 2 * planes[view, channel] - 1)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.zeros((4, 6, 3), np.float32), "camera head: expected a uint8 image, got float32"),
        ([[1]], "camera head: expected a uint8 image, got list"),
        (np.zeros((6, 4, 3), np.uint8), r"shape \(4, 6, 3\), got \(6, 4, 3\)"),
        (np.zeros((4, 6), np.uint8), r"shape \(4, 6, 3\), got \(4, 6\)"),
    ],
)
def test_what_is_no_camera_frame(frame, message):
    with pytest.raises(ObservationError, match=message):
        images.check_frame("head", frame, height=4, width=6)


def test_a_camera_frame_that_cannot_be_written_or_runs_backwards():
    frame = noise(4, 6, 3)
    assert images.check_frame("head", frame, height=4, width=6) is frame
    frame.flags.writeable = False
    for view in (frame, frame[:, ::-1]):
        checked = images.check_frame("head", view, height=4, width=6)
        assert (torch.from_numpy(checked).numpy() == view).all()
