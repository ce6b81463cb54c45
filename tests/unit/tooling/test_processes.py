import os
import signal
import subprocess
import sys

import pytest

from tests.processes import ROOT, ProcessEndedError
from tests.servers.daemon import Daemon
from tests.waiting import NotInTimeError, eventually

FAMILY = (
    "import os, time; child = os.fork(); print('child', child or os.getpid(), flush=True); time.sleep(60)"
)


def test_a_process_is_waited_for_by_its_output(processes):
    process = processes.python("-c", "import time; print('hello'); time.sleep(60)")
    process.wait_for("hello")
    assert process.running
    assert process.stop() == -signal.SIGTERM


def test_a_process_that_ends_before_it_says_so_fails_at_once_with_its_output(processes):
    process = processes.python("-c", "raise SystemExit('no database')")
    with pytest.raises(ProcessEndedError, match=r"(?s)ended with 1 before 'ready' was seen.*no database"):
        process.wait_for("ready", timeout=60)


def test_a_wait_that_takes_too_long_shows_the_output(processes):
    process = processes.python("-c", "import time; print('still busy'); time.sleep(60)")
    process.wait_for("busy")
    with pytest.raises(NotInTimeError, match="still busy"):
        process.wait_for("ready", timeout=0.05)


def test_the_end_of_a_test_takes_children_too(processes):
    process = processes.python("-c", FAMILY)
    process.wait_for(lambda: process.output.count("child") == 2)
    child = int(process.output.split()[1])
    processes.close()
    eventually(lambda: not Daemon(child).alive)
    assert not process.running


def test_a_killed_run_takes_its_processes_and_its_folder_with_it(tmp_path, processes):
    code = (
        "import pathlib, subprocess, sys, time; sys.path.insert(0, '.');"
        "from tests.servers.keeper import Keeper;"
        "keeper = Keeper(); keeper.watch_folder(pathlib.Path(sys.argv[1]));"
        "child = subprocess.Popen(['sleep', '60'], start_new_session=True); keeper.watch(child.pid);"
        "print('child', child.pid, flush=True); time.sleep(60)"
    )
    folder = tmp_path / "servers"
    folder.mkdir()
    run = processes.python("-c", code, folder, folder=ROOT)
    run.wait_for("child")
    child = int(run.output.split()[1])
    os.kill(run.pid, signal.SIGKILL)
    eventually(lambda: not Daemon(child).alive and not folder.exists())


def test_a_run_that_forgets_a_process_leaves_it_alone(tmp_path):
    code = (
        "import subprocess, sys; sys.path.insert(0, '.'); from tests.servers.keeper import Keeper;"
        "keeper = Keeper(); child = subprocess.Popen(['sleep', '60'], start_new_session=True);"
        "keeper.watch(child.pid); keeper.forget(child.pid); keeper.close(); print(child.poll()); child.kill()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, check=True
    )
    assert done.stdout == b"None\n"
