"""Peers for ./run: peer.py WHAT HOST PORT [NUMBER ...]; exit status 1 and a line when the server is wrong."""

import hashlib
import os
import select
import signal
import socket
import ssl
import sys
import threading
import time


def connect(host, port):
    s = socket.create_connection((host, port), timeout=60)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if authority := os.environ.get("FIRE_AUTHORITY"):
        return ssl.create_default_context(cafile=authority).wrap_socket(s, server_hostname="server.test")
    return s


def receive(s, count):
    data = b""
    while len(data) < count:
        more = s.recv(count - len(data))
        if not more:
            raise EOFError(f"FIN after {len(data)} of {count} bytes")
        data += more
    return data


def exchange(s, text=b"x"):
    s.sendall(text)
    answer = receive(s, len(text))
    if answer != text:
        raise ValueError(f"sent {text!r}, received {answer!r}")


def canary(host, port, most_millis=1000):
    """Ten numbered messages a second until SIGTERM; then every reply was right and p99 below the bound."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    s = connect(host, port)
    times = []
    while not over.is_set():
        before = time.monotonic()
        exchange(s, b"%012d" % len(times))
        times.append(time.monotonic() - before)
        if len(times) == 1:
            print("sings", flush=True)
        over.wait(0.1)
    times.sort()
    p99 = 1000 * times[min(len(times) - 1, len(times) * 99 // 100)]
    print(f"replies={len(times)} p99={p99:.0f} ms")
    if p99 > most_millis:
        raise TimeoutError(f"p99={p99:.0f} ms > {most_millis} ms")


def one(host, port, most_seconds=10):
    """One echo within the time."""
    before = time.monotonic()
    with connect(host, port) as s:
        s.settimeout(most_seconds)
        exchange(s, b"hello")
    print(f"{time.monotonic() - before:.2f} s")


def crowd(host, port, count, refused):
    """So many at once. With refused=1 each is cut off within 2 s; else all wait, and are served after SIGUSR1."""
    go = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: go.set())
    sockets = []
    for _ in range(count):
        try:
            s = connect(host, port)
        except ConnectionError:
            if not refused:
                raise
            continue
        s.setblocking(False)
        sockets.append(s)
    if refused:
        end = time.monotonic() + 2
        left = set(sockets)
        while left and time.monotonic() < end:
            for s in select.select(list(left), [], [], 0.1)[0]:
                try:
                    cut_off = s.recv(1) == b""
                except ConnectionError:
                    cut_off = True
                if cut_off:
                    left.discard(s)
        if left:
            raise TimeoutError(f"{len(left)} of {count} are not refused")
        print("refused")
        return
    for s in sockets:
        s.send(b"x")
    print("waiting", flush=True)
    go.wait()
    before = time.monotonic()
    for s in sockets:
        s.settimeout(10)
        if receive(s, 1) != b"x":
            raise ValueError("a wrong byte")
    print(f"served after {time.monotonic() - before:.2f} s")


def stream(host, port, count, most=None, pause=None):
    """Echoes pseudo-random bytes and compares their digests. After most it sends on, but reads no more, or not for pause seconds."""
    data = hashlib.shake_128(str(count).encode()).digest(count)
    s = connect(host, port)
    s.settimeout(600)
    sender = threading.Thread(target=s.sendall, args=(data,))
    sender.start()
    received = hashlib.sha256()
    left = count
    print("streaming", flush=True)
    while left:
        if most is not None and count - left >= most:
            sender.join(pause)
            if pause is not None and not sender.is_alive():
                raise ValueError(f"who read {most} bytes could send {count}: the window was never closed")
            most = None
        part = s.recv(min(left, 65536))
        if not part:
            raise EOFError(f"FIN, {left} of {count} bytes are due")
        received.update(part)
        left -= len(part)
    sender.join()
    if received.digest() != hashlib.sha256(data).digest():
        raise ValueError("digests differ")
    print(f"{count} bytes right")


def ticking(host, port, seconds):
    """A byte each half second, echoed; the replies may be late."""
    s = connect(host, port)
    end = time.monotonic() + seconds
    sent = 0
    while time.monotonic() < end:
        s.sendall(b"x")
        sent += 1
        if sent == 1:
            receive(s, 1)
            print("ticks", flush=True)
        time.sleep(0.5)
    receive(s, sent - 1)
    print(f"{sent} replies")


def trickle(host, port, count, most_seconds):
    """So many peers, each a byte a second in a message that needs more; all are cut off within the time."""
    sockets = {connect(host, port) for _ in range(count)}
    end = time.monotonic() + most_seconds
    while sockets and time.monotonic() < end:
        for s in list(sockets):
            try:
                s.send(b"x")
            except ConnectionError:
                sockets.discard(s)
        time.sleep(1)
    if sockets:
        raise TimeoutError(f"{len(sockets)} of {count} are still open")
    print("all cut off")


def silent(host, port, seconds):
    """Floods and reads nothing."""
    s = connect(host, port)
    s.setblocking(False)
    end = time.monotonic() + seconds
    print("floods", flush=True)
    try:
        while time.monotonic() < end:
            if select.select([], [s], [], 0.1)[1]:
                s.send(b"x" * 65536)
    except BlockingIOError:
        pass
    except ConnectionError:
        print("cut off")


def hold(host, port, seconds):
    """Exchanges once and holds; says how it ends."""
    s = connect(host, port)
    exchange(s)
    print("holds", flush=True)
    s.settimeout(seconds)
    try:
        print("FIN" if s.recv(1) == b"" else "data")
    except OSError as end:
        print(type(end).__name__)


def urgent(host, port):
    """Urgent data does not break the stream."""
    s = connect(host, port)
    s.sendall(b"a")
    s.send(b"!", socket.MSG_OOB)
    s.sendall(b"b")
    s.shutdown(socket.SHUT_WR)
    answer = b""
    while part := s.recv(100):
        answer += part
    if answer not in (b"ab", b"a!b"):
        raise ValueError(f"received {answer!r}")
    print(answer.decode())


def resets(host, port, seconds):
    """A storm of RST; says how many."""
    import struct

    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        s = connect(host, port)
        if count % 2:
            s.send(b"x" * 1000)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        count += 1
    print(count)


signal.alarm(300)
try:
    globals()[sys.argv[1]](sys.argv[2], int(sys.argv[3]), *map(int, sys.argv[4:]))
    sys.stdout.flush()
except (OSError, EOFError, ValueError) as wrong:
    print(f"{sys.argv[1]}: {type(wrong).__name__}: {wrong}")
    sys.stdout.flush()
    os._exit(1)
