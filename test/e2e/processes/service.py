"""A service that misbehaves in one way, which its first argument names.

It writes the time of everything that a verdict may be timed by to the file
$DEEDS, a line each: nanoseconds and a word. How often it was started before
is the number of "start" lines in it.
"""

import os
import signal
import socket
import sys
import time

what = sys.argv[1]
deeds = os.environ.get("DEEDS", os.devnull)


def did(word):
    with open(deeds, "a") as f:
        f.write(f"{time.time_ns()} {word}\n")


def end(code):
    did("end")
    sys.stderr.flush()
    os._exit(code)


with open(deeds, "a+") as f:
    f.seek(0)
    lives = f.read().count(" start\n")
did("start")


def stop(*_):
    if what == "slow-drain":
        did("asked-to-end")
        time.sleep(2.5)
    os._exit(0)


signal.signal(signal.SIGTERM, stop)

match what:
    case "silent":
        while True:
            time.sleep(60)
    case "slow-start":
        time.sleep(2.5)
    case "one-crash" if lives == 0:
        end(1)
    case "one-of-two":  # as what locks its data folder
        try:
            os.close(os.open(deeds + ".lock", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            print("fatal: another process has the lock", file=sys.stderr)
            end(6)
    case "leaks-files":
        held = []
        try:
            for _ in range(1000):
                held.append(open(os.devnull))
        except OSError as e:
            held.clear()  # or there is none left to write the deed to
            print(f"fatal: {e.strerror}", file=sys.stderr)
            end(24)

if path := os.environ.get("AICTL_SOCKET"):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
else:
    listener = socket.socket()
    port = int(os.environ["AICTL_PORT"])
    listener.bind((os.environ["AICTL_HOST"], 0 if what == "other-port" else port))
listener.listen(64)

asked = {"/readyz": 0, "/livez": 0}


def answer(path):
    """The status of an answer; what comes after it is after()."""
    if path in asked:
        asked[path] += 1
    n = asked.get(path, 0)
    match what, path:
        case ("not-ready", "/readyz") | ("not-alive", "/livez"):
            return 503
        case "turns-unready", "/readyz" if n > 1:
            return 503
        case "ready-blinks", "/readyz" if n in (2, 3):
            return 503
        case "alive-blinks", "/livez" if n in (1, 2):
            return 503
        case "other-contract", _ if path.startswith("/invoke/"):
            return 500
    return 200


def after(path, status):
    if path == "/readyz" and status == 200 and (what == "dies-when-ready" or what == "one-end-when-ready" and lives == 0):
        time.sleep(0.3)
        print("fatal: the license server is gone", file=sys.stderr)
        end(5)


while True:
    connection, _ = listener.accept()
    if what == "hangs":
        did("hangs")
        time.sleep(60)
    if what == "no-http":
        connection.recv(65536)
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        connection.close()
        continue
    with connection, connection.makefile("rb") as reader:
        words = reader.readline().split()
        length = 0
        while (line := reader.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        reader.read(length)
        path = words[1].decode() if len(words) > 1 else "/"
        status = answer(path)
        if status != 200:
            did("refused")  # before the answer: the supervisor may end it at once
        body = b'{"revision":"%s"}' % os.environ["AICTL_REVISION"].encode()
        connection.sendall(
            b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
            % (status, len(body), body)
        )
    after(path, status)
