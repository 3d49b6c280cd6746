"""Workers on two hosts share a run, one host loses its link: every mail arrives once."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from personalize.start import environment

pytestmark = pytest.mark.fault
MAILS = 600
APART = ("unshare", "-n", "-m")


@pytest.mark.skipif(
    os.geteuid() != 0
    or not shutil.which("ip")
    or subprocess.run([*APART, "true"], capture_output=True, check=False).returncode != 0,
    reason="Namespaces for two hosts need root, `ip` and `unshare`: nothing was tried.",
)
def test_two_hosts_share_a_run_and_one_that_loses_its_link_costs_nothing() -> None:
    argv = [*APART, sys.executable, "-m", "tests.faults.two_hosts", "--mails", str(MAILS)]

    done = subprocess.run(argv, cwd=environment.ROOT, capture_output=True, text=True, timeout=540, check=False)

    assert done.stdout.strip(), done.stderr[-3000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["faults_found"] == {}, f"{told}\n{done.stderr[-3000:]}"
    assert told["hosts_connected"] == ["10.77.1.2", "10.77.2.2"]
    assert min(told["by_host"]) > 20, told
    assert 0 < told["cut_at"] < MAILS
    assert told["counts"]["sent"] + told["in_doubt"] == MAILS
