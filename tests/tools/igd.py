#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# igd.py - a UPnP gateway of bad character, for one way of being bad at a time
#
#   igd.py ADDRESS MODE     prints "asked ACTION ..." for every SOAP action it gets
#
# honest       maps
# permanent    knows mappings for good only: error 725 for any lease
# taken        the suggested port belongs to another machine
# elsewhere    its description sends the client to another machine (URLBase)
# redirect     answers with a redirect to another machine
# endless      a description that never ends
# deep         a description of 100,000 nested elements
# garbage      octets
import http.server
import os
import re
import socket
import socketserver
import sys
import threading

address, mode = sys.argv[1:3]
OTHER = "http://11.9.0.2:8000/"
SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"


def description():
    base = OTHER if mode == "elsewhere" else ""
    if mode == "deep":
        return b"<a>" * 100000
    if mode == "garbage":
        return os.urandom(5000)
    return f"""<?xml version="1.0"?><root><URLBase>{base}</URLBase><device>
<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><serviceList><service>
<serviceType>{SERVICE}</serviceType><controlURL>/ctl</controlURL><SCPDURL>/scpd</SCPDURL>
</service></serviceList></device></deviceList></device></deviceList></device></root>""".encode()


def soap(action, body):
    def field(name):
        m = re.search(f"<{name}>([^<]*)</{name}>", body)
        return m.group(1) if m else ""
    port = field("NewExternalPort")
    print("asked", action, port, field("NewLeaseDuration"), flush=True)
    if action == "GetExternalIPAddress":
        return 200, "<NewExternalIPAddress>11.1.0.2</NewExternalIPAddress>"
    if action == "GetSpecificPortMappingEntry":
        if mode != "taken" or int(port) >= 20000 and port != "24100":
            return 714, ""
        return 200, ("<NewInternalPort>1</NewInternalPort>"
                     "<NewInternalClient>10.0.0.77</NewInternalClient>")
    if action == "AddPortMapping" and mode == "permanent" and field("NewLeaseDuration") != "0":
        return 725, ""
    return 200, ""


class Gateway(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a):
        pass

    def do_GET(self):
        if mode == "redirect":
            self.send_response(302)
            self.send_header("Location", OTHER)
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        if mode == "endless":
            try:
                while True:
                    self.wfile.write(b"<a>" * 10000)
            except OSError:
                return
        self.wfile.write(description())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        action = self.headers.get("SOAPAction", "").strip('"').split("#")[-1]
        code, inner = soap(action, body)
        if code == 200:
            inner = f'<u:{action}Response xmlns:u="{SERVICE}">{inner}</u:{action}Response>'
        else:
            inner = ("<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring>"
                     f"<detail><UPnPError><errorCode>{code}</errorCode></UPnPError></detail></s:Fault>")
        text = f'<?xml version="1.0"?><s:Envelope><s:Body>{inner}</s:Body></s:Envelope>'.encode()
        self.send_response(200 if code == 200 else 500)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def answer_searches():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, 1900))
    while True:
        _, who = s.recvfrom(2000)
        s.sendto(f"HTTP/1.1 200 OK\r\nEXT:\r\nLOCATION: http://{address}:5000/d.xml\r\n\r\n".encode(), who)


threading.Thread(target=answer_searches, daemon=True).start()
socketserver.ThreadingTCPServer.allow_reuse_address = True  # HTTPServer would ask DNS for its name
socketserver.ThreadingTCPServer((address, 5000), Gateway).serve_forever()
