import os
import signal
import subprocess
import sys

import pytest

SLOW_TORCH = "import time\nprint('loading', flush=True)\ntime.sleep(60)\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_torch_is_loading_ends_the_process_quietly(tmp_path, number):
    (tmp_path / "torch.py").write_text(SLOW_TORCH)
    process = subprocess.Popen(
        [sys.executable, "-c", "from vega_inference import start; start.main()"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout.readline() == "loading\n"
    process.send_signal(number)
    assert process.wait(30) == 0
    assert process.stdout.read() == ""
