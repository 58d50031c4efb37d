"""Runs a command and prints, after what it printed: wall seconds, CPU seconds, peak memory in bytes.

The peak of a process is at least that of the process that started it. So this one imports next to
nothing, and is started anew for each run, as `python3 -I -S`.
"""

import os
import sys
import time

begun = time.monotonic()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
wall = time.monotonic() - begun

peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(f"\n{wall} {usage.ru_utime + usage.ru_stime} {peak}")
sys.exit(os.waitstatus_to_exitcode(status) != 0)
