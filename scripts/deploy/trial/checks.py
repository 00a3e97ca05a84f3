"""What must hold through a proxy. The first line of each check is what is printed of it."""

import contextlib
import http.client
import json
import secrets
import signal
import ssl
import struct
import subprocess
import threading
import time

from clients import CLOSE, EVENT, ORIGIN, TEXT, Browser, WebSocket, ask, connect, publish, subscriber
from programs import IDLE_MAX, KEY, PATIENCE, RECIPES, SITE, Failed, Hub, expect

TOKEN = "token-" + secrets.token_hex(8)
# How long we are silent: longer than nginx allows.
IDLE = IDLE_MAX + 1


def settings(hub_binary):
    """roomcast.toml as it is: the hub refuses the key that is to be replaced, and nothing else"""
    command = [hub_binary, "--config", RECIPES / "roomcast.toml"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    expect("the hub's status", run.returncode, 2)
    if "keys" not in run.stderr:
        raise Failed(f"the hub complains of something else: {run.stderr.strip()}")


def host(hub):
    """the hub on loopback: takes the site's Host, which the proxies hand on, and no other name"""
    for name, wanted in [(SITE, 200), ("other.site", 403), (f"127.0.0.1:{hub.port}", 200)]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", hub.port)) as direct:
            direct.request("GET", "/healthz", headers={"Host": name})
            expect(f"the status for Host {name}", direct.getresponse().status, wanted)


def activation(activate, hub_binary, folder):
    """the hub on systemd's socket: the first connection starts it, and it leaves the socket when it is stopped"""
    hub = Hub.activated(activate, hub_binary, folder)
    try:
        def status(path):
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", hub.port, timeout=PATIENCE)) as direct:
                direct.request("GET", path)
                return direct.getresponse().status

        expect("the status of /healthz", status("/healthz"), 200)
        # It says 503 until the hub has taken up its file.
        deadline = time.monotonic() + PATIENCE
        while (ready := status("/readyz")) == 503 and time.monotonic() < deadline:
            time.sleep(0.02)
        expect("the status of /readyz", ready, 200)
        for words in ["passed by LISTEN_FDS", f"listening on http://127.0.0.1:{hub.port}\n"]:
            expect(f"{words!r} in the log", words in hub.said(), True)
        hub.child.terminate()
        expect("the hub's status", hub.child.wait(PATIENCE), 0)
        expect("that it said whom it leaves the socket to", "another process may take over" in hub.said(), True)
    finally:
        hub.stop()


def health(proxy):
    """/healthz and /readyz answer"""
    for path, word in [("/healthz", "ok"), ("/readyz", "ready")]:
        answer = ask(proxy, "GET", path)
        expect(path, (answer.status, json.loads(answer.text)), (200, {"status": word}))


def addresses(proxy):
    """the hub knows its clients' addresses by the proxy's word, and by nothing that they say of themselves"""
    # Clients of addresses that the checks of the other proxy do not use.
    one, other = [f"127.0.{proxy.port // 256}.{proxy.port % 256 // 2 * 2 + last}" for last in (0, 1)]

    def guess(browser, number):
        said = f"192.0.2.{number % 250}"
        headers = {"X-API-Key": "none of yours", "X-Forwarded-For": said, "Forwarded": f"for={said}"}
        return browser.ask("POST", "/api/v1/events", "{}", headers).status

    with contextlib.closing(Browser(proxy, one)) as browser:
        began = time.monotonic()
        number = 0
        # Twenty at once, and one more each second.
        while guess(browser, number) == 401:
            number += 1
            if number > 22 + time.monotonic() - began:
                raise Failed(f"{number} wrong keys from one address, and none is too many")
    with contextlib.closing(Browser(proxy, other)) as browser:
        expect("the status for another address", guess(browser, 0), 401)


def other_name(proxy):
    """another name does not lead to the hub"""
    # Whoever trusts any certificate gets none.
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with contextlib.suppress(ssl.SSLError):
        connect(proxy, "other.site", trusting).close()
        raise Failed("there is a certificate for other.site")
    answer = ask(proxy, "GET", "/healthz", headers={"Host": "other.site"})
    expect("an answer of the hub", "status" in answer.text, False)


def publishing(proxy):
    """a publish needs a key and reaches a WebSocket"""
    with subscriber(proxy) as client:
        body = json.dumps(EVENT)
        expect("the status without a key", ask(proxy, "POST", "/api/v1/events", body).status, 401)
        # Those of the checks before have hung up, but the hub may not have seen it yet.
        expect("that somebody receives it", publish(proxy) >= 1, True)
        expect("the message", client.message()["payload"], EVENT["payload"])


def sizes(proxy):
    """large messages pass whole both ways, and a body over the hub's limit is refused"""
    with WebSocket(proxy, "/echo") as client:
        expect("the status of an upgrade", client.status, 101)
        payload = secrets.token_hex(100_000).encode()
        client.send(TEXT, payload)
        expect("the echo", client.frame(), (TEXT, payload))
    with subscriber(proxy) as client:
        event = {"type": "chat:message", "payload": {"text": secrets.token_hex(300_000)}}
        publish(proxy, event)
        expect("the large message", client.message()["payload"] == event["payload"], True)
    answer = ask(proxy, "POST", "/api/v1/events", b" " * (1 << 20) + b"{}", {"X-API-Key": KEY})
    expect("the status for a body over a mebibyte", answer.status, 413)


def foreign_origin(proxy):
    """a foreign Origin is refused, for WebSockets and for publishes"""
    for origin in ["https://evil.example", "http://your.site", "null"]:
        with WebSocket(proxy, "/ws", origin) as client:
            expect(f"the status for {origin}", client.status, 403)
        answer = ask(proxy, "POST", "/api/v1/events", "{}", {"X-API-Key": KEY, "Origin": origin})
        expect(f"the status of a publish from {origin}", answer.status, 403)


def upgrade_required(proxy):
    """a plain GET of a WebSocket's path is told 426 and the version"""
    # The Upgrade header that belongs to it may be gone: it is for one hop, and Caddy keeps it.
    answer = ask(proxy, "GET", "/ws")
    expect("the answer", (answer.status, answer.getheader("Sec-WebSocket-Version")), (426, "13"))


def reuse(proxy):
    """plain requests share a connection to the hub"""

    def accepts(browser):
        text = browser.ask("GET", "/metrics", headers={"X-API-Key": KEY}).text
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("roomcast_accepts_total"))

    with contextlib.closing(Browser(proxy)) as browser:
        before = accepts(browser)
        for _ in range(10):
            browser.ask("GET", "/healthz")
        new = accepts(browser) - before
    if new > 1:
        raise Failed(f"{new:.0f} new connections to the hub for ten requests")


def redirect(nginx):
    """plain HTTP is sent to HTTPS"""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", nginx.plain_port)) as plain:
        plain.request("GET", "/ws?a=b", headers={"Host": SITE})
        answer = plain.getresponse()
        expect("the answer", (answer.status, answer.getheader("Location")), (301, f"{ORIGIN}/ws?a=b"))


def idle(proxies):
    """an idle WebSocket outlives the proxies' timeouts, and so does one that only its client uses"""
    with contextlib.ExitStack() as stack:
        silent = [(proxy, stack.enter_context(subscriber(proxy))) for proxy in proxies]
        chatty = [(proxy, stack.enter_context(subscriber(proxy))) for proxy in proxies]
        unpinged = stack.enter_context(WebSocket(proxies[0], "/v1/stream"))
        expect("the status of an upgrade", unpinged.status, 101)
        # The silence is what is tried here: nothing else could end this wait earlier.
        until = time.monotonic() + IDLE
        while time.monotonic() < until:
            for _, client in chatty:
                client.send(TEXT, b"here")
            time.sleep(0.2)
        publish(proxies[0])
        for proxy, client in silent + chatty:
            try:
                expect("the message", client.message()["payload"], EVENT["payload"])
            except Failed as failed:
                raise Failed(f"{proxy.name}: {failed}") from None
        # Otherwise the timeout was not tried at all.
        expect("what an idle connection without pings gets from nginx", unpinged.frame(), None)


def limits(nginx):
    """nginx limits by address: new connections of the public channel, and those open at once"""
    began = time.monotonic()
    statuses = [ask(nginx, "GET", "/v1/stream").status]
    # Ten at once, and one more each six seconds.
    while statuses[-1] == 426 and len(statuses) < 12 + (time.monotonic() - began) / 6:
        statuses.append(ask(nginx, "GET", "/v1/stream").status)
    expect("the first and the last of so many requests", (statuses[0], statuses[-1]), (426, 429))
    with contextlib.ExitStack() as stack:
        statuses = [stack.enter_context(WebSocket(nginx, "/ws")).status for _ in range(11)]
    expect("the last of eleven connections", (statuses[0], statuses[-1]), (101, 429))
    # All have hung up. As soon as nginx has seen it there is room again.
    for _ in range(PATIENCE * 50):
        with WebSocket(nginx, "/ws") as client:
            if client.status == 101:
                return
        time.sleep(0.02)
    raise Failed("those who left go on counting")


def drain(hub, proxies):
    """a stop of the hub reaches every client as 1001"""
    with contextlib.ExitStack() as stack:
        clients = [(proxy, stack.enter_context(subscriber(proxy))) for proxy in proxies for _ in range(3)]
        hub.child.send_signal(signal.SIGTERM)
        for proxy, client in clients:
            opcode, payload = client.frame() or (None, b"\0\0")
            expect(f"{proxy.name}'s last frame", (opcode, *struct.unpack("!H", payload[:2])), (CLOSE, 1001))
            client.send(CLOSE, payload[:2])
    expect("the hub's status", hub.child.wait(PATIENCE), 0)


def away(proxy):
    """without a hub the answer is 503 with Retry-After, in the hub's words"""
    answer = ask(proxy, "GET", f"/healthz?api_key={KEY}")
    got = answer.status, answer.getheader("Retry-After"), json.loads(answer.text)["error"]["code"]
    expect("the answer", got, (503, "5", "away"))
    expect("its kind", answer.getheader("Content-Type"), "application/json")
    with WebSocket(proxy, f"/ws?api_key={KEY}&token={TOKEN}") as client:
        expect("the status of an upgrade", client.status, 503)


def restart(hub_binary, folder, port, nginx, caddy):
    """Caddy holds a request until the hub is back, and nginx finds it again"""
    held = []
    waiting = threading.Thread(target=lambda: held.append(ask(caddy, "GET", "/healthz").status))
    waiting.start()
    # Long enough to have been answered, were it not held.
    waiting.join(0.5)
    expect("the answer while there is no hub", held, [])
    hub = Hub(hub_binary, folder, port)
    waiting.join(PATIENCE)
    try:
        expect("the status of the request that was held", held, [200])
        for proxy in [nginx, caddy]:
            subscriber(proxy, f"/ws?api_key={KEY}&token={TOKEN}").__exit__()
    finally:
        hub.stop()


def logs(folder, proxies):
    """no log has a key or a token"""
    for path in folder.glob("*.log"):
        for secret in [KEY, TOKEN]:
            expect(f"a secret in {path.name}", secret in path.read_text(encoding="utf-8", errors="replace"), False)
    # Otherwise there was nothing to leak.
    for path in [folder / "nginx-access.log", proxies[1].process.log]:
        expect(f"a line about /ws in {path.name}", "/ws" in path.read_text(encoding="utf-8"), True)


FOR_EACH = [health, addresses, other_name, publishing, sizes, foreign_origin, upgrade_required, reuse]
