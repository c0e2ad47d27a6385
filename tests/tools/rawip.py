#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# rawip.py - IP packets that no honest program sends, and who gets them
#
#   rawip.py send DEVICE <LINES      a packet a line: SOURCE DESTINATION SHAPE PORT TAG
#   rawip.py hear DEVICE             prints the tag of each packet that comes in there
#
# The tag is text in the payload, "<TAG>", and finds the packet again behind any router.
# Shapes: udp, tcp (a SYN), icmp; over IPv6 also a TCP SYN behind extension headers: hop,
# dest, route (by way of another), first (a first fragment), auth, many (of them), and:
# later (a later fragment), esp, none, unknown (a protocol number of experiments), long (a header
# that reaches beyond the packet), late (hop-by-hop options in second place). Over IPv4
# options (a source route), first, later.
import ipaddress
import re
import socket
import struct
import sys

TCP, UDP, ICMP, ICMP6, FRAGMENT, NONE = 6, 17, 1, 58, 44, 59
PADDED = b"\x01\x04\0\0\0\0"  # PadN: fills an options header of 8 octets


def checksum(data):
    data += b"\0" * (len(data) % 2)
    n = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while n >> 16:
        n = (n & 0xFFFF) + (n >> 16)
    return ~n & 0xFFFF


def transport(source, destination, shape, port, payload):
    """The protocol's number and its octets, with a right checksum."""
    if shape == "udp":
        kind, at = UDP, 6
        data = struct.pack("!4H", 40000, port, 8 + len(payload), 0) + payload
    elif shape == "icmp":
        kind, at = (ICMP, 2) if source.version == 4 else (ICMP6, 2)
        data = struct.pack("!2B3H", 8 if kind == ICMP else 128, 0, 0, 7, 1) + payload
    else:
        kind, at = TCP, 16
        data = struct.pack("!2H2I4H", 40000, port, 1, 0, 0x5002, 1000, 0, 0) + payload
    pseudo = source.packed + destination.packed + struct.pack("!2I", len(data), kind)
    c = checksum((b"" if kind == ICMP else pseudo) + data)
    return kind, data[:at] + struct.pack("!H", c) + data[at + 2:]


def behind_headers(shape, kind, data):
    """IPv6: (next header, octets) with what the shape says in front."""
    options = bytes([kind, 0]) + PADDED
    match shape:
        case "hop":
            return 0, options + data
        case "dest":
            return 60, options + data
        case "route":
            return 43, bytes([kind, 2, 0, 1]) + bytes(20) + data
        case "auth":
            return 51, bytes([kind, 4]) + bytes(22) + data
        case "many":
            return 60, (bytes([60, 0]) + PADDED) * 20 + options + data
        case "first":
            return FRAGMENT, struct.pack("!2BHI", kind, 0, 1, 7) + data
        case "later":
            return FRAGMENT, struct.pack("!2BHI", kind, 0, 64, 9) + data
        case "late":
            return 60, bytes([0, 0]) + PADDED + options + data
        case "long":
            return 60, bytes([kind, 255]) + PADDED + data
        case "esp" | "none" | "unknown":
            return {"esp": 50, "none": NONE, "unknown": 253}[shape], data
    return kind, data


def packet4(source, destination, shape, kind, data):
    options, fragment = b"", 0
    if shape == "options":
        options = b"\x83\x07\x04" + destination.packed + b"\0"
    elif shape == "first":
        fragment = 0x2000
    elif shape == "later":
        fragment = 8
    elif shape == "unknown":
        kind = 253
    words = 5 + len(options) // 4
    head = struct.pack("!2B3H2BH", 0x40 | words, 0, words * 4 + len(data), 7, fragment,
                       64, kind, 0) + source.packed + destination.packed + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + data


def packet(source, destination, shape, port, tag):
    source, destination = map(ipaddress.ip_address, (source, destination))
    payload = b"<" + tag.encode() + b">"
    payload += b"." * (-len(payload) % 8)
    kind, data = transport(source, destination, shape, int(port), payload)
    if source.version == 4:
        return packet4(source, destination, shape, kind, data)
    kind, data = behind_headers(shape, kind, data)
    return struct.pack("!IH2B", 6 << 28, len(data), kind, 64) + source.packed + \
        destination.packed + data


def send(device):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    for line in sys.stdin:
        p = packet(*line.split())
        s.sendto(p, (device, 0x86DD if p[0] >> 4 == 6 else 0x0800))


def hear(device):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.ntohs(3))
    s.bind((device, 3))
    while True:
        p, where = s.recvfrom(65535)
        if where[2] == socket.PACKET_OUTGOING:
            continue
        for tag in re.findall(rb"<([a-z0-9_.:/-]+)>", p):
            print(tag.decode(), flush=True)


if len(sys.argv) != 3 or sys.argv[1] not in ("send", "hear"):
    sys.exit("usage: rawip.py send|hear DEVICE")
{"send": send, "hear": hear}[sys.argv[1]](sys.argv[2])
