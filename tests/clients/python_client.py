"""Python's websockets against the hub: what a back-end or a script meets with.

Run by scripts/clients.sh, which starts the hub with --key k, --echo and room for messages of a megabyte, and gives its
address in ROOMCAST_URL.
"""

import json
import os
import unittest
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

HTTP = os.environ["ROOMCAST_URL"]
WS = HTTP.replace("http://", "ws://")
MEGABYTE = 1 << 20
PATIENCE = 20


def open_socket(path, **options):
    return connect(WS + path, proxy=None, max_size=MEGABYTE, open_timeout=PATIENCE, **options)


def call(method, path, body=None, key="k"):
    """The status and the JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})}
    request = Request(HTTP + path, data, headers, method=method)
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=PATIENCE) as answer:
            return answer.status, json.loads(answer.read() or "null")
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def heard(socket):
    return json.loads(socket.recv(timeout=PATIENCE))


class Events(unittest.TestCase):
    def test_a_client_hears_its_status_and_then_what_is_published(self):
        with open_socket("/ws") as socket:
            status = heard(socket)
            self.assertEqual(status["type"], "connection:status")
            self.assertEqual(status["payload"], {"status": "connected"})
            payload = {"text": "naïve 日本 👩‍🚀"}
            code, answer = call("POST", "/api/v1/events", {"type": "chat:said", "payload": payload})
            self.assertEqual((code, answer["receivers"]), (202, 1))
            self.assertEqual(
                heard(socket),
                {"type": "chat:said", "payload": payload, "timestamp": answer["timestamp"]},
            )
            self.assertTrue(socket.ping().wait(PATIENCE), "a ping is answered")
            socket.close(1000, "enough")
            self.assertEqual(socket.close_code, 1000)

    def test_publishing_without_the_key_is_refused(self):
        code, answer = call("POST", "/api/v1/events", {"type": "a:b", "payload": {}}, key=None)
        self.assertEqual((code, answer["error"]["code"]), (401, "unauthorized"))


class Sessions(unittest.TestCase):
    def test_a_bad_key_is_refused_before_the_upgrade(self):
        for headers in [{}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer wrong"}]:
            with self.subTest(headers), self.assertRaises(InvalidStatus) as refused:
                open_socket("/api/v1/sessions/any/ws", additional_headers=headers)
            self.assertEqual(refused.exception.response.status_code, 401)

    def test_a_completion_is_heard_and_a_deletion_closes_with_1000(self):
        _, session = call("POST", "/api/v1/sessions", {})
        path = f"/api/v1/sessions/{session['session_id']}"
        with open_socket(path + "/ws", additional_headers={"Authorization": "Bearer k"}) as socket:
            self.assertEqual(heard(socket)["status"], "pending")
            call("POST", path + "/result", {"paid": True})
            self.assertEqual(heard(socket)["result"], {"paid": True})
            self.assertEqual(call("DELETE", path), (204, None))
            self.assertEqual([*socket], [])
            self.assertEqual(socket.close_code, 1000)


class Echo(unittest.TestCase):
    def echoes(self, message, **options):
        with open_socket("/echo", **options) as socket:
            socket.send(message)
            whole = message if isinstance(message, (str, bytes)) else type(message[0])().join(message)
            self.assertEqual(socket.recv(timeout=PATIENCE), whole)

    def test_a_megabyte_comes_back(self):
        for compression in [None, "deflate"]:
            with self.subTest(compression):
                self.echoes(os.urandom(MEGABYTE), compression=compression)
                self.echoes("é" * (MEGABYTE // 2), compression=compression)

    def test_a_message_in_fragments_comes_back_whole(self):
        for compression in [None, "deflate"]:
            with self.subTest(compression):
                self.echoes(["one ", "", "two ", "three"], compression=compression)
                self.echoes([b"\x00" * 1000, b"\xff" * 1000], compression=compression)


if __name__ == "__main__":
    unittest.main()
