#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# grpc_echo.py - a gRPC server and client without generated code
#
#   grpc_echo.py serve ADDRESS:PORT
#   grpc_echo.py call ADDRESS:PORT [N]      N unary calls and one stream of N messages
import sys
import time
from concurrent import futures

import grpc

SERVICE = "adit.Echo"


class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == f"/{SERVICE}/Unary":
            return grpc.unary_unary_rpc_method_handler(lambda m, c: m[::-1])
        if details.method == f"/{SERVICE}/Stream":
            return grpc.stream_stream_rpc_method_handler(
                lambda it, c: (m[::-1] for m in it))
        return None


def serve(at):
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Echo(),))
    if not server.add_insecure_port(at):
        sys.exit(f"grpc_echo: cannot listen on {at}")
    server.start()
    print("serving", at, flush=True)
    server.wait_for_termination()


def call(at, n):
    options = (("grpc.enable_http_proxy", 0),)
    with grpc.insecure_channel(at, options=options) as channel:
        grpc.channel_ready_future(channel).result(timeout=10)
        unary = channel.unary_unary(f"/{SERVICE}/Unary")
        start = time.monotonic()
        for i in range(n):
            assert unary(b"call %d" % i, timeout=5) == (b"call %d" % i)[::-1]
        each = (time.monotonic() - start) / n
        stream = channel.stream_stream(f"/{SERVICE}/Stream")
        sent = [b"message %d" % i for i in range(n)]
        got = list(stream(iter(sent), timeout=20))
        assert got == [m[::-1] for m in sent]
    print(f"{n} unary calls, {each * 1000:.2f} ms each; "
          f"stream of {n} messages echoed in order")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "serve":
        serve(sys.argv[2])
    elif len(sys.argv) in (3, 4) and sys.argv[1] == "call":
        call(sys.argv[2], int(sys.argv[3]) if len(sys.argv) == 4 else 100)
    else:
        sys.exit("usage: grpc_echo.py serve|call ADDRESS:PORT [N]")
