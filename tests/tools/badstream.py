#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# badstream.py - what a TLS port of ours gets that it does not want
#
#   badstream.py ADDRESS PORT KIND...    a line "KIND SECONDS ANSWER" each, at the end of each
#   badstream.py proxy ADDRESS PORT STATUS    answers every request so; STATUS 0: never
#   badstream.py portal ADDRESS PORT PAGE [CERTIFICATE KEY]    what answers in place of a
#                                             server, with TLS if there is a certificate
#
# ANSWER: the first line that came, or the WebSocket close code, or "closed"; "open" if the
# connection was still there after 30 s.
import base64
import os
import socket
import ssl
import struct
import sys
import threading
import time

LIMIT = 30
UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def tls(sock, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(sock, server_hostname=name)


def upgrade(path="/adit/relay"):
    key = base64.b64encode(os.urandom(16)).decode()
    return UPGRADE.format(path=path, key=key).encode()


def frame(opcode, payload, masked=True, length=None):
    n = len(payload) if length is None else length
    head = bytes([0x80 | opcode])
    bit = 0x80 if masked else 0
    if n < 126:
        head += bytes([bit | n])
    elif n < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", n)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", n)
    return head + (b"\0\0\0\0" if masked else b"") + payload


def drip(s):
    s.sendall(b"GET /adit/relay HTTP/1.1\r\nHost: ")
    while True:
        s.sendall(b"x")
        time.sleep(0.5)


# name of the server asked for, what is sent; a function sends by itself
KINDS = {
    "no-tls": (None, b"GET / HTTP/1.1\r\n\r\n"),
    "silent": (None, b""),
    "silent-tls": ("relay", b""),
    "rubbish": ("relay", os.urandom(300) + b"\r\n\r\n"),
    "long-head": ("relay", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 4000),
    "half-head": ("relay", b"GET /adit/relay HTTP/1.1\r\n"),
    "slow-head": ("relay", drip),
    "other-path": ("relay", upgrade("/nowhere")),
    "no-upgrade": ("relay", b"GET /adit/relay HTTP/1.1\r\nHost: relay\r\n\r\n"),
    "post": ("relay", upgrade().replace(b"GET", b"POST")),
    "other-name": ("somebody.else.example", upgrade() + frame(2, b"\0\x01x")),
    "unmasked": ("relay", upgrade() + frame(2, b"\0\x01x", masked=False)),
    "huge-frame": ("relay", upgrade() + frame(2, b"", length=1 << 40)),
    "bad-opcode": ("relay", upgrade() + frame(7, b"")),
    "bad-bundle": ("relay", upgrade() + frame(2, b"\xff\xffx") * 50),
    "unregistered": ("relay", upgrade()),
}


def answer_of(s):
    """the last thing worth saying of what came"""
    got, said = b"", "closed"
    try:
        while True:
            more = s.recv(4096)
            if not more:
                break
            got += more
    except socket.timeout:
        said = "open"
    except OSError:
        pass
    line = got.split(b"\r\n")[0].decode("latin-1") if got.startswith(b"HTTP/") else ""
    return f"{line} {said}".strip()


def attack(address, port, kind, lock):
    name, what = KINDS[kind]
    started = time.monotonic()
    try:
        s = socket.create_connection((address, port), timeout=LIMIT)
        if name:
            s = tls(s, name)
        s.settimeout(LIMIT)
        if callable(what):
            threading.Thread(target=quiet, args=(what, s), daemon=True).start()
        else:
            s.sendall(what)
        said = answer_of(s)
    except (OSError, ssl.SSLError) as e:
        said = "closed" if not isinstance(e, socket.timeout) else "open"
    with lock:
        print(kind, f"{time.monotonic() - started:.1f}", said, flush=True)


def quiet(what, *args):
    try:
        what(*args)
    except (OSError, ValueError):
        pass


def proxy(address, port, status):
    server = socket.create_server((address, port))
    kept = []
    while True:
        s, _ = server.accept()
        kept.append(s)
        if status:
            s.recv(4096)
            s.sendall(f"HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n".encode())
            s.close()


PAGES = {
    "302": b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\nContent-Length: 0\r\n\r\n",
    "200": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Please sign in</html>",
    "403": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    "407": b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n",
    "500": b"HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n",
    "404": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "endless": b"HTTP/1.1 200 OK\r\n" + b"X-Filler: abc\r\n" * 4000,
    "rubbish": b"220 mail.example ESMTP\r\n\r\n",
    "no-such-name": b"\x15\x03\x03\x00\x02\x02\x70",  # alert unrecognized_name
    "nothing": b"",
}


def show(s, context, page):
    """one octet at a time as long as it is short"""
    if context:
        s = context.wrap_socket(s, server_side=True)
    s.recv(4096)
    for i in range(0, len(page), 1 if len(page) < 200 else 1024):
        s.sendall(page[i : i + (1 if len(page) < 200 else 1024)])
    if page:
        s.shutdown(socket.SHUT_WR)
    s.settimeout(LIMIT)
    s.recv(4096)


def portal(address, port, page, *certificate):
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    server = socket.create_server((address, port))
    while True:
        s, _ = server.accept()
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=quiet, args=(show, s, context, PAGES[page]), daemon=True).start()


def main():
    if sys.argv[1] == "proxy":
        proxy(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    if sys.argv[1] == "portal":
        portal(sys.argv[2], int(sys.argv[3]), sys.argv[4], *sys.argv[5:])
    address, port, kinds = sys.argv[1], int(sys.argv[2]), sys.argv[3:] or list(KINDS)
    lock = threading.Lock()
    threads = [threading.Thread(target=attack, args=(address, port, k, lock)) for k in kinds]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


main()
