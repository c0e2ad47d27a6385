#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# dnsask.py - dnsask.py ADDRESS:PORT NAME TYPE: one question; prints the code, "aa" if
# the server is authoritative, and the addresses, or "silence"
import socket
import struct
import sys

TYPES = {"A": 1, "AAAA": 28}


def main():
    at, name, kind = sys.argv[1:4]
    host, port = at.rsplit(":", 1)
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))
    question = labels + b"\0" + struct.pack(">HH", TYPES[kind], 1)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(1)
    s.connect((host, int(port)))
    try:
        s.send(struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + question)
        m = s.recv(2000)
    except OSError:
        print("silence")
        return
    ident, flags, _, answers = struct.unpack(">4H", m[:8])
    if ident != 7 or m[12:12 + len(question)] != question:
        print("another answer")
        return
    words = [str(flags & 15)] + (["aa"] if flags & 0x400 else [])
    at = 12 + len(question)
    for _ in range(answers):
        length = struct.unpack(">H", m[at + 10:at + 12])[0]
        data = m[at + 12:at + 12 + length]
        family = socket.AF_INET if length == 4 else socket.AF_INET6
        words.append(socket.inet_ntop(family, data))
        at += 12 + length
    print(" ".join(words))


main()
