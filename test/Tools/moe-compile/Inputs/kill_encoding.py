"""kill_encoding.py MODULE COMMAND...: runs the command, which encodes weights for
MODULE, and kills it when a third of the codes are there, without any warning."""

import os
import subprocess
import sys
import time

ATTEMPTS, SIZE = 10, 1000000
module, command = sys.argv[1], sys.argv[2:]
cache = module + ".codes"


def size():
    return os.path.getsize(cache) if os.path.exists(cache) else 0


for _ in range(ATTEMPTS):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None and size() < SIZE:
        time.sleep(0.002)
    process.kill()
    process.wait()
    if not os.path.exists(module):
        assert size() >= SIZE, "ended with %d, %d bytes of codes" % (process.returncode, size())
        sys.exit()
    os.remove(module)
sys.exit("always done before it could be killed")
