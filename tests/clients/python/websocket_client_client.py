"""Python's websocket-client."""

import websocket
from scenarios import PATIENCE_SECONDS, WS, Refused, Socket, run
from websocket import ABNF


class WebsocketClient(Socket):
    NOT_OFFERED = dict.fromkeys(["compressed", "compressed fragments"], "websocket-client has no permessage-deflate")

    def __init__(self, path, headers=(), compressed=False):
        try:
            self.socket = websocket.create_connection(
                WS + path, header=dict(headers), timeout=PATIENCE_SECONDS, http_no_proxy=["*"]
            )
        except websocket.WebSocketBadStatusException as error:
            raise Refused(error.status_code) from None

    def is_compressed(self):
        return "sec-websocket-extensions" in self.socket.getheaders()

    def send(self, message):
        self.socket.send_text(message) if isinstance(message, str) else self.socket.send_bytes(message)

    def send_pieces(self, pieces):
        opcode = ABNF.OPCODE_TEXT if isinstance(pieces[0], str) else ABNF.OPCODE_BINARY
        for index, piece in enumerate(pieces):
            last = index == len(pieces) - 1
            frame = ABNF.create_frame(piece, opcode if index == 0 else ABNF.OPCODE_CONT, int(last))
            self.socket.send_frame(frame)

    def receive(self):
        return self.socket.recv()

    def ping(self, payload):
        self.socket.ping(payload)
        opcode, data = self.socket.recv_data(control_frame=True)
        if opcode != ABNF.OPCODE_PONG:
            raise AssertionError(f"received opcode {opcode} instead of a pong")
        return data

    def close(self, code, reason):
        self.socket.send_close(code, reason.encode())
        # recv_data would answer the hub's answer with a second close frame.
        frame = self.socket.recv_frame()
        return self._end(frame.opcode, frame.data)

    def closed(self):
        # recv_data answers a close frame by itself.
        return self._end(*self.socket.recv_data(control_frame=True))

    def _end(self, opcode, data):
        self.socket.shutdown()
        if opcode != ABNF.OPCODE_CLOSE:
            raise AssertionError(f"received opcode {opcode} instead of a close frame")
        return int.from_bytes(data[:2])


run("websocket-client", websocket.__version__, WebsocketClient)
