"""Runs the recipes for nginx and Caddy in front of a real hub, and looks at the hub through them; and runs a hub on the
socket of the recipe for systemd.

All that is made lies in one temporary folder, and everything that was started is stopped. Exit status 0 when every
check holds, 1 otherwise.
"""

import argparse
import contextlib
import http.client
import pathlib
import signal
import sys
import tempfile
import time

import checks
from programs import Failed, Hub, free_port, start_caddy, start_nginx


class Trial:
    """Runs checks, prints each with its time, and remembers whether one failed."""

    def __init__(self):
        self.failures = 0

    def run(self, check, *args, name="both"):
        """Runs a check; its failure is told and does not stop the others."""
        began = time.monotonic()
        failure = None
        try:
            check(*args)
        except (Failed, OSError, http.client.HTTPException, LookupError, ValueError) as error:
            failure = error if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
            self.failures += 1
        took = time.monotonic() - began
        words = check.__doc__.splitlines()[0]
        print(f"{'FAIL' if failure else 'ok':4} {name:6} {words} ({took:.1f} s)", flush=True)
        if failure:
            print(f"     {failure}", flush=True)


def main():
    """Starts everything, runs every check, stops everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for program in ["hub", "nginx", "caddy", "activate"]:
        parser.add_argument(f"--{program}", required=True, type=lambda path: str(pathlib.Path(path).resolve()))
    options = parser.parse_args()
    trial = Trial()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="roomcast-deploy-")))
        # nginx's workers are another user when it is started by root.
        folder.chmod(0o755)
        hub = Hub(options.hub, folder, free_port())
        stack.callback(hub.stop)
        nginx = start_nginx(options.nginx, folder, hub.port)
        stack.callback(nginx.process.stop)
        caddy = start_caddy(options.caddy, folder, hub.port)
        stack.callback(caddy.process.stop)
        proxies = [nginx, caddy]

        trial.run(checks.settings, options.hub, name="hub")
        trial.run(checks.host, hub, name="hub")
        trial.run(checks.activation, options.activate, options.hub, folder, name="hub")
        for proxy in proxies:
            for check in checks.FOR_EACH:
                trial.run(check, proxy, name=proxy.name)
        trial.run(checks.redirect, nginx, name="nginx")
        trial.run(checks.idle, proxies)
        trial.run(checks.limits, nginx, name="nginx")
        trial.run(checks.drain, hub, proxies)
        for proxy in proxies:
            trial.run(checks.away, proxy, name=proxy.name)
        trial.run(checks.restart, options.hub, folder, hub.port, nginx, caddy)
        trial.run(checks.logs, folder, proxies)
        if trial.failures:
            for process in [hub, nginx.process, caddy.process]:
                print(f"\n{process.name} said:\n{process.said()[-3000:]}")
    return 1 if trial.failures else 0


if __name__ == "__main__":
    # So that an end by a signal stops what was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
