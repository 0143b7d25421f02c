import os
import signal
import subprocess
import sys

import pytest

SLOW_NODE = "import time\nprint('loading', flush=True)\ntime.sleep(60)\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_node_is_loading_ends_the_process_quietly(tmp_path, number):
    (tmp_path / "slow_node.py").write_text(SLOW_NODE)
    metadata = tmp_path / "slow-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[vega_runtime.nodes]\nslow_node=slow_node:main\n")
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.argv[0] = '/lib/slow/slow_node'\n"
         "from vega_runtime import start; start.main()"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "loading\n"
    process.send_signal(number)
    assert process.wait(30) == 0
    assert process.stdout.read() == ""
