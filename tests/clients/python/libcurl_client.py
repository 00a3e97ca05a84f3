"""curl's own WebSocket, by pycurl, which brings a libcurl that speaks it; Debian's does not."""

import select

import pycurl
from scenarios import PATIENCE_SECONDS, WS, Refused, Socket, run

CHUNK_BYTES = 1 << 16


class Libcurl(Socket):
    NOT_OFFERED = dict.fromkeys(["compressed", "compressed fragments"], "libcurl has no permessage-deflate")

    def __init__(self, path, headers=(), compressed=False):
        self.curl = pycurl.Curl()
        self.curl.setopt(pycurl.URL, WS + path)
        self.curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in dict(headers).items()])
        self.curl.setopt(pycurl.NOPROXY, "*")
        self.curl.setopt(pycurl.CONNECTTIMEOUT, PATIENCE_SECONDS)
        # Stop behind the upgrade, and leave the frames to us.
        self.curl.setopt(pycurl.CONNECT_ONLY, 2)
        self.extensions = []
        self.curl.setopt(pycurl.HEADERFUNCTION, self._note_header)
        try:
            self.curl.perform()
        except pycurl.error:
            status = self.curl.getinfo(pycurl.RESPONSE_CODE)
            if not status:
                raise
            raise Refused(status) from None

    def _note_header(self, line):
        if line.lower().startswith(b"sec-websocket-extensions:"):
            self.extensions.append(line)

    def is_compressed(self):
        return bool(self.extensions)

    def send(self, message):
        kind = pycurl.WS_TEXT if isinstance(message, str) else pycurl.WS_BINARY
        self._send(message.encode() if isinstance(message, str) else message, kind)

    def send_pieces(self, pieces):
        kind = pycurl.WS_TEXT if isinstance(pieces[0], str) else pycurl.WS_BINARY
        for index, piece in enumerate(pieces):
            more = pycurl.WS_CONT if index < len(pieces) - 1 else 0
            self._send(piece.encode() if isinstance(piece, str) else piece, kind | more)

    def receive(self):
        data, kind = self._frame()
        if kind & pycurl.WS_TEXT:
            return data.decode()
        if kind & pycurl.WS_BINARY:
            return data
        raise AssertionError(f"received a frame with the flags {kind} instead of a message")

    def ping(self, payload):
        self._send(payload, pycurl.WS_PING)
        data, kind = self._frame()
        if not kind & pycurl.WS_PONG:
            raise AssertionError(f"received a frame with the flags {kind} instead of a pong")
        return data

    def close(self, code, reason):
        self._send(code.to_bytes(2) + reason.encode(), pycurl.WS_CLOSE)
        return self._close_frame()

    def closed(self):
        # libcurl leaves it to its user to answer a close frame.
        return self._close_frame(answer=True)

    def _close_frame(self, answer=False):
        data, kind = self._frame()
        if not kind & pycurl.WS_CLOSE:
            raise AssertionError(f"received a frame with the flags {kind} instead of a close frame")
        if answer:
            self._send(data[:2], pycurl.WS_CLOSE)
        self.curl.close()
        return int.from_bytes(data[:2])

    def _send(self, payload, flags):
        rest = memoryview(payload)
        while True:
            try:
                rest = rest[self.curl.ws_send(rest, flags) :]
            except BlockingIOError:
                self._wait(for_writing=True)
                continue
            if not rest:
                return

    def _frame(self):
        """A whole frame, and its flags; the hub sends every message as one."""
        pieces = []
        while True:
            try:
                data, meta = self.curl.ws_recv(CHUNK_BYTES)
            except BlockingIOError:
                self._wait(for_writing=False)
                continue
            pieces.append(data)
            if meta.bytesleft == 0:
                return b"".join(pieces), meta.flags

    def _wait(self, for_writing):
        sockets = [self.curl.getinfo(pycurl.ACTIVESOCKET)]
        ready = select.select([] if for_writing else sockets, sockets if for_writing else [], [], PATIENCE_SECONDS)
        if not any(ready):
            raise TimeoutError("the hub says nothing")


run("libcurl", pycurl.version_info()[1], Libcurl)
