"""while_locked.py FILE COMMAND...: runs the command while another process writes
FILE, as a compilation would."""

import fcntl
import subprocess
import sys

with open(sys.argv[1], "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    sys.exit(subprocess.call(sys.argv[2:]))
