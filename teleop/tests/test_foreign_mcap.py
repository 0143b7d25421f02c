"""Recordings that other programs rewrote: without chunks or checksums, or compressed as a whole."""

import shutil
from pathlib import Path

import pytest
import zstandard
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

from teleop.check import main as check
from teleop.dataset.episode import EPISODE_FILE, MCAP_FILE
from teleop.dataset.reader import open_episode
from teleop.dataset.store import read_infos
from teleop.repair.__main__ import main as repair_command
from teleop.repair.repair import repair
from teleop.tests.episodes import make_episode, open_store, take_start, write_messages


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template") / "data"
    with open_store(folder) as store:
        make_episode(store, 1.0)
        make_episode(store, 1.0, phase=1.0)
    return folder


@pytest.fixture
def dataset(template, tmp_path):
    return Path(shutil.copytree(template, tmp_path / "data"))


def rewritten(path, **how):
    """The same messages, attachments and metadata, as another writer puts them."""
    source = path.with_suffix(".old")
    path.rename(source)
    with source.open("rb") as file, path.open("wb") as out:
        reader = make_reader(file)
        writer = Writer(out, **how)
        writer.start("ros2")
        schemas, channels = {}, {}
        for each in reader.iter_metadata():
            writer.add_metadata(each.name, each.metadata)
        for each in reader.iter_attachments():
            writer.add_attachment(0, 0, each.name, each.media_type, each.data)
        for schema, channel, message in reader.iter_messages(log_time_order=False):
            if channel.id not in channels:
                kind = schemas.setdefault(
                    schema.id, writer.register_schema(schema.name, schema.encoding, schema.data)
                )
                channels[channel.id] = writer.register_channel(channel.topic, "cdr", kind)
            writer.add_message(
                channels[channel.id], message.log_time, message.data, message.publish_time
            )
        writer.finish()
    source.unlink()


def packed(path, ending):
    with_ending = path.with_name(path.name + ending)
    with_ending.write_bytes(zstandard.compress(path.read_bytes()))
    if ending:
        path.unlink()


WRITERS = {
    "no chunks": {"use_chunking": False, "enable_data_crcs": True},
    "no chunks, no checksums": {"use_chunking": False},
    "no checksums": {"enable_crcs": False, "compression": CompressionType.ZSTD},
    "large chunks": {"chunk_size": 64 << 20},
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_rewritten_episode_keeps_every_message_and_its_outcome(name, dataset, template, capsys):
    rewritten(dataset / "episodes/000001" / MCAP_FILE, **WRITERS[name])
    assert check([str(dataset), "--workers", "1"]) == 1
    assert f"-> run python -m teleop.repair {dataset}" in " ".join(capsys.readouterr().out.split())
    assert repair_command([str(dataset)]) == 0
    assert "no message is lost" in capsys.readouterr().out
    before, after = read_infos(template)[1], read_infos(dataset)[1]
    assert ("without checksums" in after.recovered.reason) == ("no checksums" in name)
    assert (after.outcome, after.streams) == (before.outcome, before.streams)
    with (
        open_episode(dataset / "episodes/000001", verify=True) as episode,
        open_episode(template / "episodes/000001") as known,
    ):
        assert (episode.joints("left").position == known.joints("left").position).all()
        assert list(episode.images("head")) == list(known.images("head"))
        assert episode.hardware_files() == known.hardware_files()
    assert check([str(dataset), "--workers", "1", "--include", "recovered"]) == 0


@pytest.mark.parametrize("cut", [0.4, 0.8])
def test_a_file_without_chunks_that_was_cut_is_not_believed(cut, dataset):
    path = dataset / "episodes/000001" / MCAP_FILE
    rewritten(path, use_chunking=False)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * cut)])
    report = repair(dataset)
    assert [each.folder for each in report.quarantined] == ["quarantine/000001"]


def test_a_file_without_chunks_whose_checksum_is_wrong_is_not_believed(dataset):
    path = dataset / "episodes/000001" / MCAP_FILE
    rewritten(path, use_chunking=False, enable_data_crcs=True)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert len(repair(dataset).quarantined) == 1


@pytest.mark.parametrize("ending", [".zstd", ".zst", ""])
def test_an_episode_compressed_as_a_whole_is_unpacked(ending, dataset, template, capsys):
    folder = dataset / "episodes/000001"
    packed(folder / MCAP_FILE, ending)
    assert check([str(dataset), "--workers", "1"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "is compressed as a whole (zstd)" in said
    assert f"-> run python -m teleop.repair {dataset}" in said
    assert repair_command([str(dataset)]) == 0
    assert "it is unpacked" in capsys.readouterr().out
    assert read_infos(dataset) == read_infos(template)
    assert sorted(path.name for path in folder.iterdir()) == [EPISODE_FILE, MCAP_FILE]
    assert check([str(dataset), "--workers", "1"]) == 0


def test_a_take_compressed_as_a_whole_is_recovered(dataset):
    with open_store(dataset) as store:
        write_messages(store.begin(take_start()), 0.2)
    packed(dataset / "recording/000002" / MCAP_FILE, ".zstd")
    assert [each.index for each in repair(dataset).recovered] == [2]


def test_what_cannot_be_unpacked_is_kept_and_named(dataset):
    path = dataset / "episodes/000001" / MCAP_FILE
    packed(path, ".zstd")
    file = path.with_name(path.name + ".zstd")
    data = bytearray(file.read_bytes())
    data[20:4000] = b"\0" * 3980
    file.write_bytes(data)
    [aside] = repair(dataset).quarantined
    assert "episode.mcap.zstd, which cannot be read" in aside.reason
    assert (dataset / aside.folder / "episode.mcap.zstd").read_bytes() == data


@pytest.mark.parametrize("share", [0.5, 0.99])
@pytest.mark.parametrize("ending", [".zstd", ""])
def test_half_of_a_compressed_file_is_not_unpacked_but_kept(ending, share, dataset):
    path = dataset / "episodes/000001" / MCAP_FILE
    packed(path, ending)
    file = path.with_name(path.name + ending)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    report = repair(dataset)
    assert report.mended == []
    [aside] = report.quarantined
    assert (dataset / aside.folder / file.name).read_bytes() == data[: int(len(data) * share)]


def test_a_file_of_several_frames_is_unpacked_whole(dataset, template):
    path = dataset / "episodes/000001" / MCAP_FILE
    data = path.read_bytes()
    parts = (data[:1000], data[1000:50_000], data[50_000:])
    path.write_bytes(b"".join(map(zstandard.compress, parts)))
    assert "it is unpacked" in repair(dataset).mended[0]
    assert read_infos(dataset) == read_infos(template)
