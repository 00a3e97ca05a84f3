"""What is installed to compare with: nothing, unless that is asked for. Everything that could install is a stand-in here.

Run with `python3 -B -m unittest discover -s tests/compare`.
"""

import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# It writes down that it was called, and installs nothing.
STAND_IN = """#!/bin/sh
echo "${0##*/} $*" >>"$CALLS"
exit 1
"""
# What they have to build is built.
BUILDS = "#!/bin/sh\nexit 0\n"


class Installing(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.calls = self.folder / "calls"
        programs = self.folder / "bin"
        programs.mkdir()
        stand_ins = {name: STAND_IN for name in ["npm", "apt-get", "systemctl"]}
        # There are no packages, and what is built is there or not as it was.
        stand_ins |= {"dpkg-query": "#!/bin/sh\nexit 1\n", "cargo": BUILDS, "nginx": STAND_IN}
        for name, text in stand_ins.items():
            (programs / name).write_text(text, encoding="utf-8")
            (programs / name).chmod(0o755)
        self.env = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CALLS": str(self.calls),
            "CARGO_TARGET_DIR": str(self.folder / "target"),
        }
        self.env.pop("ROOMCAST_BIN", None)

    def run_script(self, *command):
        command = [str(ROOT / "scripts" / command[0]), *command[1:]]
        return subprocess.run(
            command, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
        )

    def called(self):
        return self.calls.read_text(encoding="utf-8") if self.calls.exists() else ""

    def test_nothing_is_installed_unasked_and_what_would_is_said(self):
        ran = self.run_script("rivals.sh", "build")
        self.assertEqual(ran.returncode, 3, ran.stderr)
        self.assertEqual(self.called(), "")
        for name, needs in [("bun", "npm"), ("gorilla", "golang-go"), ("nchan", "libnginx-mod-nchan")]:
            (said,) = [line for line in ran.stderr.splitlines() if line.startswith(f"rivals: {name} needs ")]
            self.assertIn(needs, said)
            self.assertIn(f"scripts/rivals.sh build --install {name}", said)

    def test_what_is_asked_for_is_installed(self):
        ran = self.run_script("rivals.sh", "build", "--install", "bun")
        self.assertEqual(ran.returncode, 3, ran.stderr)
        self.assertIn("npm ci", self.called())

    def test_a_rival_that_is_not_here_does_not_start_and_what_would_install_it_is_said(self):
        ran = self.run_script("rivals.sh", "start", "bun")
        self.assertEqual((ran.returncode, ran.stdout), (1, ""))
        self.assertRegex(ran.stderr, r"\Arivals: bun is not built: scripts/rivals.sh build --install bun .*\n\Z")

    def test_the_comparison_installs_only_what_it_is_told_to(self):
        # None of the two is here, so nothing is measured.
        ran = self.run_script("compare.sh", "--servers", "bun,gorilla")
        self.assertEqual(ran.returncode, 1, ran.stderr)
        self.assertEqual(self.called(), "")
        self.assertIn("without bun: bun is not built: scripts/rivals.sh build --install bun", ran.stderr)
        ran = self.run_script("compare.sh", "--servers", "bun,gorilla", "--install")
        self.assertEqual(ran.returncode, 1, ran.stderr)
        self.assertIn("npm ci", self.called())


if __name__ == "__main__":
    unittest.main()
