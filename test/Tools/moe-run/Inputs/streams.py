"""What moe-run does when its output goes wrong, and when it is interrupted.

  streams.py MODULE
"""
import json
import os
import signal
import subprocess
import sys
import time

module = sys.argv[1]
# Long enough that nothing ends before we interfere: it never stops by itself.
long_run = ["moe-run", module, "-p", "Story", "-n", "-1", "--ignore-eos"]


def check(condition, *message):
    if not condition:
        raise SystemExit("streams.py: " + " ".join(map(str, message)))


def check_failure(process, expected):
    error = process.stderr.read().decode()
    check(process.wait() == 1, "exit code", process.returncode, error)
    check(error == "error: standard output: cannot write: " + expected + "\n", repr(error))


def take_signals():
    """A test may have been started where hang-ups are ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def start(**streams):
    return subprocess.Popen(long_run, stderr=subprocess.PIPE, **streams)


def full():
    with open("/dev/full", "wb") as device:
        check_failure(start(stdout=device), "no space left on device")


def gone():
    process = start(stdout=subprocess.PIPE)
    process.stdout.read(1)
    process.stdout.close()
    check_failure(process, "broken pipe")


def closed():
    process = subprocess.Popen(["sh", "-c", 'exec "$@" >&-', "sh", *long_run],
                               stderr=subprocess.PIPE)
    check_failure(process, "bad file descriptor")


def interrupted():
    process = start(stdout=subprocess.PIPE)
    first = process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    check(process.wait() == 130, "exit code", process.returncode)
    check((first + rest).endswith(b"\n"), "the text ends in", rest[-10:])
    check(process.stderr.read() == b"", "nothing to say")


def start_logits(folder):
    """Slow because its prompt is long: signals come in the middle."""
    logits = os.path.join(folder, "interrupted.npy")
    words = ",".join(["806"] * 900)
    command = ["moe-run", module, "--tokens", words, "-n", "-1", "--ignore-eos", "--json",
               "--logits", logits, "-t", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=take_signals)
    part = "%s.%d.part" % (logits, process.pid)
    while not os.path.exists(part) and process.poll() is None:
        time.sleep(0.001)
    return process, logits, part


def check_gone(*files):
    for file in files:
        check(not os.path.exists(file), file, "is left")


def interrupted_json(folder, number):
    process, logits, part = start_logits(folder)
    process.send_signal(number)
    result = json.loads(process.stdout.read())
    check(process.wait() == 128 + number, "exit code", process.returncode)
    check(result["interrupted"] is True, result)
    check_gone(logits, part)


def interrupted_twice(folder):
    """Both signals wait when it goes on; the second ends it at once."""
    process, logits, part = start_logits(folder)
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    check(process.stdout.read() == b"", "a result in spite of a second signal")
    check(process.wait() in (130, 143), "exit code", process.returncode)
    check_gone(logits, part)


full()
gone()
closed()
interrupted()
for each in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
    interrupted_json(os.path.dirname(module), each)
interrupted_twice(os.path.dirname(module))
