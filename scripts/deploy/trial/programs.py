"""What runs: a hub, and the proxies with the recipes of the folder above.

A recipe is used as it is but for the changes that a trial needs, which stand in one place for each: ports, paths, a
certificate of our own, and timeouts so short that they can be waited for. A change that finds nothing to change is an
error, so that a recipe and its trial cannot drift apart.
"""

import contextlib
import os
import pathlib
import random
import re
import reprlib
import secrets
import socket
import ssl
import subprocess
import sys
import time

RECIPES = pathlib.Path(__file__).resolve().parent.parent
SITE = "your.site"
KEY = "key-" + secrets.token_hex(8)
# How long nginx lets an upgraded connection be silent here (90 s in the recipe).
IDLE_MAX = 10
# How long anything may take that should come at once.
PATIENCE = 60


class Failed(Exception):
    """A check that does not hold."""


def expect(what, got, wanted):
    """Fails unless `got` is `wanted`."""
    if got != wanted:
        raise Failed(f"{what} is {reprlib.repr(got)} and should be {reprlib.repr(wanted)}")


def free_port():
    """A port of 127.0.0.1 that nobody listens on now, and no connection gets meanwhile, if it can be."""
    lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8").split()[0])
    while True:
        port = random.randrange(10_000, lowest) if lowest > 20_000 else 0
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)) as listener:
            return listener.getsockname()[1]


def changed(name, changes):
    """A recipe's text with each of the changes, every one of which must find its place."""
    text = (RECIPES / name).read_text(encoding="utf-8")
    for old, new in changes:
        if old not in text:
            sys.exit(f"deploy: {name} has no {old!r} any more; trial/programs.py must change with it")
        text = text.replace(old, new)
    return text


class Process:
    """One program that was started here, its log, and its end."""

    def __init__(self, name, folder, command, env=None):
        self.name = name
        self.log = folder / f"{name}.log"
        with open(self.log, "ab") as log:
            # A hub that is started again goes on in the same file.
            self.began_at = log.tell()
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)

    def said(self):
        """All that it has written so far."""
        return self.log.read_bytes()[self.began_at :].decode(errors="replace")

    def wait_for(self, what, look):
        """What `look` gives as soon as that is something; the program must live as long."""
        for _ in range(PATIENCE * 50):
            found = look()
            if found:
                return found
            if self.child.poll() is not None:
                raise Failed(f"{self.name} ended with {self.child.returncode} before {what}")
            time.sleep(0.02)
        raise Failed(f"{self.name}: no {what} within {PATIENCE} s")

    def wait_for_port(self, port):
        """Returns once it accepts connections."""

        def look():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                return True

        self.wait_for(f"listener on port {port}", look)

    def stop(self):
        """Ends it, if it has not ended; gives its status."""
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.child.kill()
        return self.child.wait()


class Hub(Process):
    """A hub with the settings of roomcast.toml."""

    def __init__(self, binary, folder, port=0, before=()):
        config = folder / "roomcast.toml"
        changes = [
            ("127.0.0.1:8080", f"127.0.0.1:{port}"),
            ("put a key here", KEY),
            # One file a port: the hub that comes after another goes on with its file, and the one beside it does not.
            ("/var/lib/roomcast/", f"{folder}/{port}-"),
        ]
        config.write_text(changed("roomcast.toml", changes), encoding="utf-8")
        command = [*before, binary, "--config", config, "--drain", "500ms", "--echo", "--ping-interval", "1s"]
        # One app that pings nobody, to see what becomes of its idle connections.
        command += ["--set", "stream.ping_interval=1h"]
        # A busy machine is no reason to refuse anybody.
        command += ["--loop-lag-limit", "60s"]
        env = {name: value for name, value in os.environ.items() if not name.startswith("ROOMCAST_")}
        super().__init__("hub", folder, command, env)
        if before:
            # It listens for the hub, which runs once somebody has come.
            self.port = port
            self.wait_for("listener", lambda: f":{port}" in self.said())
            return
        address = r"listening on http://127\.0\.0\.1:(\d+)\s"
        self.port = int(self.wait_for("listener", lambda: re.search(address, self.said()))[1])


    @classmethod
    def activated(cls, activate, binary, folder):
        """One that is passed the socket of roomcast.socket; the port is taken, so it could not listen by itself."""
        port = free_port()
        unit = changed("roomcast.socket", [("127.0.0.1:8080", f"127.0.0.1:{port}")])
        address = re.search(r"^ListenStream=(.+)$", unit, re.MULTILINE)[1]
        return cls(binary, folder, port, [activate, "--listen", address])


class Proxy:
    """A proxy on a port, and the certificate that its clients trust."""

    def __init__(self, process, port, certificate):
        self.process = process
        self.name = process.name
        self.port = port
        self.tls = ssl.create_default_context(cafile=certificate)


def start_nginx(binary, folder, hub_port):
    """nginx.conf, with a certificate of our own."""
    certificate, key = folder / "site.pem", folder / "site.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + ["-days", "2", "-subj", f"/CN={SITE}", "-addext", f"subjectAltName=DNS:{SITE}"]
        + ["-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    port, plain_port = free_port(), free_port()
    paths = "".join(
        f"    {kind}_temp_path {folder}/nginx-{kind};\n"
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    )
    config = folder / "nginx.conf"
    changes = [
        ("worker_processes auto;", "daemon off;\nworker_processes 2;"),
        ("/run/nginx.pid", f"{folder}/nginx.pid"),
        ("/var/log/nginx/", f"{folder}/nginx-"),
        ("worker_rlimit_nofile 262144;", ""),
        ("worker_connections 131072;", "worker_connections 512;"),
        ("http {\n", f"http {{\n{paths}"),
        ("server 127.0.0.1:8080;", f"server 127.0.0.1:{hub_port};"),
        ("listen 80", f"listen 127.0.0.1:{plain_port}"),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/ssl/your.site.pem", str(certificate)),
        ("/etc/ssl/your.site.key", str(key)),
        ("proxy_read_timeout 90s;", f"proxy_read_timeout {IDLE_MAX}s;"),
        ("client_header_timeout 10s;", f"client_header_timeout {IDLE_MAX}s;"),
        ("client_body_timeout 10s;", f"client_body_timeout {IDLE_MAX}s;"),
        ("limit_conn hub_open 100;", "limit_conn hub_open 10;"),
    ]
    config.write_text(changed("nginx.conf", changes), encoding="utf-8")
    process = Process("nginx", folder, [binary, "-p", folder, "-e", "stderr", "-c", config])
    process.wait_for_port(port)
    proxy = Proxy(process, port, certificate)
    proxy.plain_port = plain_port
    return proxy


def start_caddy(binary, folder, hub_port):
    """Caddyfile, with a certificate of Caddy's own authority, which it makes at its first start."""
    port = free_port()
    config = folder / "Caddyfile"
    # Its interface for changes at run time would be on a fixed port, and its authority would be put among those that
    # the machine trusts.
    for_a_test = "\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n"
    changes = [
        ("\n{\n", f"\n{{\n{for_a_test}"),
        (f"\n{SITE} {{\n", f"\n{SITE}:{port} {{\n\tbind 127.0.0.1\n\ttls internal\n"),
        ("127.0.0.1:8080", f"127.0.0.1:{hub_port}"),
        ("read_header 10s", f"read_header {IDLE_MAX}s"),
        ("read_body 10s", f"read_body {IDLE_MAX}s"),
        ("idle 75s", f"idle {IDLE_MAX}s"),
    ]
    config.write_text(changed("Caddyfile", changes), encoding="utf-8")
    env = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    command = [binary, "run", "--config", config, "--adapter", "caddyfile"]
    process = Process("caddy", folder, command, env)
    process.wait_for_port(port)
    certificate = folder / "caddy/pki/authorities/local/root.crt"
    process.wait_for("certificate", certificate.exists)
    return Proxy(process, port, certificate)
