"""Python's aiohttp; its loop runs for one call at a time."""

import asyncio

import aiohttp
from aiohttp import WSMsgType
from scenarios import MEBIBYTE, PATIENCE_SECONDS, WS, Refused, Socket, run

LOOP = asyncio.new_event_loop()


def wait(coroutine):
    return LOOP.run_until_complete(asyncio.wait_for(coroutine, PATIENCE_SECONDS))


class Aiohttp(Socket):
    NOT_OFFERED = dict.fromkeys(["fragments", "compressed fragments"], "aiohttp sends every message as one frame")

    def __init__(self, path, headers=(), compressed=False):
        wait(self._open(path, headers, compressed))

    async def _open(self, path, headers, compressed):
        self.session = aiohttp.ClientSession()
        try:
            self.socket = await self.session.ws_connect(
                WS + path,
                headers=dict(headers),
                compress=15 if compressed else 0,
                max_msg_size=MEBIBYTE + 1,
                autoping=False,
            )
        except aiohttp.WSServerHandshakeError as error:
            await self.session.close()
            raise Refused(error.status) from None

    def is_compressed(self):
        return bool(self.socket.compress)

    def send(self, message):
        wait(self.socket.send_str(message) if isinstance(message, str) else self.socket.send_bytes(message))

    def receive(self):
        return self._next(WSMsgType.TEXT, WSMsgType.BINARY).data

    def ping(self, payload):
        wait(self.socket.ping(payload))
        return bytes(self._next(WSMsgType.PONG).data)

    def close(self, code, reason):
        wait(self.socket.close(code=code, message=reason.encode()))
        wait(self.session.close())
        return self.socket.close_code

    def closed(self):
        # The library answers the close frame by itself.
        code = self._next(WSMsgType.CLOSE).data
        wait(self.session.close())
        return code

    def _next(self, *kinds):
        message = wait(self.socket.receive())
        if message.type not in kinds:
            raise AssertionError(f"received {message!r:.200} instead of {kinds}")
        return message


run("aiohttp", aiohttp.__version__, Aiohttp)
LOOP.close()
