import threading

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap.records import Chunk
from mcap.stream_reader import StreamReader
from mcap_ros2.decoder import DecoderFactory

from teleop.dataset import cdr, mcap_writer
from teleop.dataset.mcap_writer import EpisodeWriter, Schema
from teleop.errors import RecordingFailed, TeleopError
from teleop.tests.definitions import schema
from teleop.tests.episodes import START_NS, camera_jpeg, make_episode, open_store, positions
from vega_core.files import OutputFile, sha256_of
from vega_core.stamps import NS

NAMES = tuple(f"left_joint{i}" for i in range(1, 8))


@pytest.fixture
def writer(tmp_path):
    writer = EpisodeWriter(tmp_path / "a.mcap")
    yield writer
    writer.abandon()


def joint_message(number, stamp_ns):
    return cdr.joint_state(stamp_ns, NAMES, [float(number)] * 7)


def write_joints(writer, count, topic="/left/follower/joint_states"):
    channel = writer.add_topic(topic, schema("sensor_msgs/JointState"))
    for number in range(count):
        stamp = START_NS + number * 5_000_000
        writer.write(channel, stamp + 1_000_000, stamp, joint_message(number, stamp))


def test_public_reader_decodes_every_message(tmp_path):
    with open_store(tmp_path) as store:
        info = make_episode(store, seconds=1.0)
    path = tmp_path / "episodes" / "000000" / "episode.mcap"
    counts = {}
    with path.open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()], validate_crcs=True)
        assert reader.get_header().profile == "ros2"
        for message in reader.iter_decoded_messages():
            topic = message.channel.topic
            number = counts[topic] = counts.get(topic, 0) + 1
            decoded = message.decoded_message
            if topic == "/right/leader/joint_states":
                assert decoded.name[0] == "right_joint1"
                stamp = decoded.header.stamp.sec * NS + decoded.header.stamp.nanosec
                assert stamp == message.message.publish_time < message.message.log_time
            if topic == "/head_camera/image_raw/compressed":
                assert decoded.format == "jpeg"
                assert bytes(decoded.data) == camera_jpeg("head", number - 1)
            if topic == "/left/follower/command":
                assert decoded.sequence == number - 1
    assert counts == {topic: stream.count for topic, stream in info.streams.items()}


def test_seeking_by_time_and_topic_finds_exactly_what_is_there(tmp_path):
    with open_store(tmp_path) as store:
        make_episode(store, seconds=3.0, size=(640, 480))
    path = tmp_path / "episodes" / "000000" / "episode.mcap"
    with path.open("rb") as file:
        reader = make_reader(file)
        assert len(reader.get_summary().chunk_indexes) > 1
        start, end = START_NS + NS, START_NS + 2 * NS
        found = [
            message.log_time
            for _, _, message in reader.iter_messages(
                ["/left/follower/joint_states"], starting_at=start, ending_before=end
            )
        ]
    assert found == [START_NS + k * 5_000_000 + 1_000_000 for k in range(200, 400)]


def test_summary_statistics_and_indexes_agree_with_the_messages(tmp_path, writer):
    write_joints(writer, 300)
    writer.attach("hw_config/arms.yaml", "application/yaml", b"arms: {}\n", START_NS)
    writer.flush()
    write_joints(writer, 200, "/right/follower/joint_states")
    writer.add_topic("/silent", schema("vega_msgs/TakeEvent"))
    writer.add_metadata("note", {"a": "b"})
    writer.finish()
    with writer.path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        messages = list(reader.iter_messages())
        assert [a.data for a in reader.iter_attachments()] == [b"arms: {}\n"]
        assert [m.metadata for m in reader.iter_metadata()] == [{"a": "b"}]
        statistics = summary.statistics
        assert statistics.message_count == len(messages) == 500
        assert statistics.channel_message_counts == {1: 300, 2: 200, 3: 0}
        assert statistics.chunk_count == len(summary.chunk_indexes)
        assert (statistics.schema_count, statistics.channel_count) == (2, 3)
        assert (statistics.attachment_count, statistics.metadata_count) == (1, 1)
        times = [message.log_time for _, _, message in messages]
        assert (statistics.message_start_time, statistics.message_end_time) == (
            min(times),
            max(times),
        )
        file.seek(0)
        chunks = [r for r in StreamReader(file, emit_chunks=True).records if isinstance(r, Chunk)]
        assert [c.uncompressed_size for c in chunks] == [
            index.uncompressed_size for index in summary.chunk_indexes
        ]


def test_data_section_checksum_is_right(writer):
    write_joints(writer, 10)
    writer.finish()
    with writer.path.open("rb") as file:
        assert sum(1 for _ in StreamReader(file, validate_crcs=True).records) > 10


def test_empty_file_is_valid(writer):
    writer.add_topic("/silent", schema("vega_msgs/TakeEvent"))
    writer.finish()
    with writer.path.open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary.statistics.message_count == 0
    assert [channel.topic for channel in summary.channels.values()] == ["/silent"]


def test_digest_and_size_are_those_of_the_file(writer):
    write_joints(writer, 100)
    writer.finish()
    assert writer.sha256 == sha256_of(writer.path)
    assert writer.bytes_written == writer.path.stat().st_size


def test_messages_reach_the_disk_without_being_asked(tmp_path, monkeypatch):
    synced = threading.Semaphore(0)
    monkeypatch.setattr(mcap_writer, "CHUNK_SECONDS", 0.01)

    class Watched(OutputFile):
        def sync(self):
            super().sync()
            synced.release()

    writer = EpisodeWriter(tmp_path / "a.mcap", Watched)
    for _ in range(3):
        assert synced.acquire(timeout=60)
        size = writer.path.stat().st_size
        write_joints(writer, 50)
    assert size > 500
    writer.abandon()


def test_images_are_stored_as_they_are_and_joints_compressed(tmp_path):
    with open_store(tmp_path) as store:
        make_episode(store, seconds=1.0)
    with (tmp_path / "episodes/000000/episode.mcap").open("rb") as file:
        indexes = make_reader(file).get_summary().chunk_indexes
    assert {index.compression for index in indexes} <= {"lz4", ""}


def test_threads_write_at_the_same_time(writer):
    def work(number):
        write_joints(writer, 500, f"/topic{number}")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.finish()
    assert {figures.count for figures in writer.figures().values()} == {500}
    with writer.path.open("rb") as file:
        assert make_reader(file).get_summary().statistics.message_count == 2000


def test_topic_is_announced_once_and_with_one_type(writer):
    first = writer.add_topic("/a", schema("sensor_msgs/JointState"))
    assert writer.add_topic("/a", schema("sensor_msgs/JointState")) == first
    with pytest.raises(TeleopError, match="another type"):
        writer.add_topic("/a", schema("vega_msgs/TakeEvent"))
    with pytest.raises(TeleopError, match="another definition"):
        writer.add_topic("/b", Schema("sensor_msgs/msg/JointState", "float64 x\n"))


def test_figures_follow_capture_stamps(writer):
    channel = writer.add_topic("/a", schema("vega_msgs/TakeEvent"))
    for stamp in (0, 10, 20, 60, 70):
        writer.write(channel, START_NS, START_NS + stamp * 1_000_000, b"x" * 8)
    figures = writer.figures()["/a"]
    assert figures.count == 5
    assert figures.max_gap_s == pytest.approx(0.04)
    assert figures.hz == pytest.approx(4 / 0.07)


def test_clock_that_steps_back_still_makes_a_valid_file(writer):
    channel = writer.add_topic("/a", schema("vega_msgs/TakeEvent"))
    for log in (START_NS, START_NS - 5 * NS, START_NS + NS):
        writer.write(channel, log, log, cdr.take_event(log, "x", ""))
        writer.flush()
    writer.finish()
    with writer.path.open("rb") as file:
        reader = make_reader(file)
        times = [message.log_time for _, _, message in reader.iter_messages()]
    assert times == [START_NS - 5 * NS, START_NS, START_NS + NS]


def test_existing_file_is_never_overwritten(tmp_path):
    path = tmp_path / "a.mcap"
    path.write_text("precious")
    with pytest.raises(RecordingFailed, match="exists"):
        EpisodeWriter(path)
    assert path.read_text() == "precious"


def test_finished_writer_takes_nothing_more(writer):
    write_joints(writer, 1)
    writer.finish()
    with pytest.raises(RecordingFailed, match="the take has ended"):
        writer.write(1, 0, 0, b"")


def write_and_flush(writer, times):
    for _ in range(times):
        write_joints(writer, 100)
        writer.flush()


def write_much(writer, channel):
    for _ in range(100):
        writer.write(channel, START_NS, START_NS, b"\0" * (1 << 18))


class Full(OutputFile):
    """A disk with room for some bytes more."""

    room = 0

    def write(self, data):
        fits = memoryview(data)[: max(Full.room, 0)]
        super().write(fits)
        Full.room -= len(data)
        if len(fits) < len(data):
            raise OSError(28, "No space left on device")


@pytest.mark.parametrize("room", [0, 5, 300, 2000, 20_000])
def test_full_disk_is_told_and_leaves_whole_chunks_only(tmp_path, room):
    path = tmp_path / "a.mcap"
    Full.room = 300
    writer = EpisodeWriter(path, Full)
    Full.room = room
    with pytest.raises(RecordingFailed, match="No space left on device: free some space"):
        write_and_flush(writer, 100)
    assert "No space left" in writer.failed
    with pytest.raises(RecordingFailed, match="No space left"):
        writer.finish()
    assert path.stat().st_size == writer.bytes_written <= room + 300


def test_full_disk_from_the_start_is_told(tmp_path):
    Full.room = 5
    with pytest.raises(RecordingFailed, match="No space left"):
        EpisodeWriter(tmp_path / "a.mcap", Full)


def test_slow_disk_is_given_up_before_memory_runs_out(tmp_path, monkeypatch):
    stuck, go_on = threading.Event(), threading.Event()

    class Stuck(OutputFile):
        def sync(self):
            if self.began:
                stuck.set()
                go_on.wait(60)
            self.began = True

        began = False

    monkeypatch.setattr(mcap_writer, "MAX_WAITING_BYTES", 3 << 20)
    writer = EpisodeWriter(tmp_path / "a.mcap", Stuck)
    channel = writer.add_topic("/a", schema("vega_msgs/TakeEvent"))
    writer.write(channel, START_NS, START_NS, b"\0" * mcap_writer.CHUNK_BYTES)
    assert stuck.wait(60)
    with pytest.raises(RecordingFailed, match="does not keep up"):
        write_much(writer, channel)
    go_on.set()
    writer.abandon()


def test_joint_values_are_exact(writer):
    channel = writer.add_topic("/a", schema("sensor_msgs/JointState"))
    values = positions("left", np.array([0.1]))[0]
    writer.write(channel, START_NS, START_NS, cdr.joint_state(START_NS, NAMES, values))
    writer.finish()
    with writer.path.open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        [message] = list(reader.iter_decoded_messages())
    assert list(message.decoded_message.position) == list(values)
    assert list(message.decoded_message.effort) == []
