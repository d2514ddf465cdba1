# SPDX-License-Identifier: BSD-3-Clause
"""An engine that was killed leaves nothing behind for long. Runs alone: any engine that starts
meanwhile would tidy up."""
import signal

import scene
from tools.host import stack
from tools.host.telemetry import Telemetry


def test_directory_of_a_killed_engine_is_removed_by_the_next(options):
    with scene.start(options, huge=False) as host:
        first = host.engine.pid
        directory = stack.DPDK_DIRECTORY / f"tickwire-{first}"
        scene.expect(directory.exists(), f"{directory} is not there")
        host.engine.signal(signal.SIGKILL)
        host.engine.wait(5)
        scene.expect(directory.exists(), "kill -9 removed a directory")
        host.start_engine()
        scene.expect(not directory.exists(), f"{directory} is still there")
        with Telemetry(host.engine.pid) as telemetry:
            scene.expect_equal("process", telemetry.greeting["pid"], host.engine.pid)
        directory = stack.DPDK_DIRECTORY / f"tickwire-{host.engine.pid}"
        host.engine.signal(signal.SIGTERM)
        status = host.engine.wait(10)
        scene.expect_equal(f"exit status ({host.engine.log()})", status, 0)
        scene.expect(not directory.exists(), "an orderly end left its directory")
