"""Python's websockets, by its synchronous client."""

from contextlib import ExitStack
from importlib.metadata import version

from scenarios import MEBIBYTE, PATIENCE_SECONDS, WS, Refused, Socket, run
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect


class Websockets(Socket):
    def __init__(self, path, headers=(), compressed=False):
        # The library wants a `with` block around a connection.
        self.block = ExitStack()
        try:
            self.socket = self.block.enter_context(
                connect(
                    WS + path,
                    additional_headers=dict(headers),
                    compression="deflate" if compressed else None,
                    max_size=MEBIBYTE,
                    open_timeout=PATIENCE_SECONDS,
                    close_timeout=PATIENCE_SECONDS,
                    proxy=None,
                )
            )
        except InvalidStatus as error:
            raise Refused(error.response.status_code) from None

    def is_compressed(self):
        return any(extension.name == "permessage-deflate" for extension in self.socket.protocol.extensions)

    def send(self, message):
        self.socket.send(message)

    def send_pieces(self, pieces):
        self.socket.send(pieces)

    def receive(self):
        return self.socket.recv(timeout=PATIENCE_SECONDS)

    def ping(self, payload):
        # The library matches pongs with pings by their payload, and ignores any other.
        if not self.socket.ping(payload).wait(PATIENCE_SECONDS):
            raise TimeoutError("no pong with the ping's payload")
        return payload

    def close(self, code, reason):
        self.socket.close(code, reason)
        self.block.close()
        return self.socket.protocol.close_rcvd.code

    def closed(self):
        try:
            extra = self.receive()
        except ConnectionClosed as end:
            self.block.close()
            return end.rcvd.code
        raise AssertionError(f"still open, and received {extra!r}")


run("websockets", version("websockets"), Websockets)
