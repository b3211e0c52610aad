"""interrupt.py PHASE COMMAND...: runs it on a terminal of its own, waits for a line
of progress in that phase, checks that it came late enough, and sends SIGINT, which must end it."""

import os
import pty
import re
import signal
import subprocess
import sys
import time


def take_signals():
    """A test may have been started where interrupts are ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for_progress(controller):
    seen = b""
    wanted = sys.argv[1].encode() + rb", \d+ s, \d+ % of [\d.]+ MB"
    while not re.search(wanted, seen):
        try:
            piece = os.read(controller, 4096)
        except OSError:  # the command has ended
            piece = b""
        if not piece:
            sys.exit("no progress before the end: %r" % seen)
        seen += piece


controller, terminal = pty.openpty()
begin = time.monotonic()
process = subprocess.Popen(sys.argv[2:], stderr=terminal, preexec_fn=take_signals)
os.close(terminal)
try:
    wait_for_progress(controller)
    elapsed = time.monotonic() - begin
    process.send_signal(signal.SIGINT)
    code = process.wait(timeout=30)
finally:
    process.kill()
assert elapsed >= 2, "progress after %.1f s, should be silent for 2 s" % elapsed
assert code == -signal.SIGINT, "ended with %d instead of by SIGINT" % code
