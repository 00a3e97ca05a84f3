"""Runs Autobahn's `wstest` (Python 2.7) without TLS libraries.

The suite imports `twisted.internet.ssl` at its top even for plain `ws://`
addresses, which would drag in pyOpenSSL and cryptography, the two packages
that need a compiler on many machines. Nothing of it is used here, so an
empty stand-in takes its place.

It also writes down which cases the suite is about to run (`cases.json` beside
the spec): the suite drops the rest of a run silently when the server dies.

Usage: wstest.py -m fuzzingclient -s SPEC
"""
from __future__ import print_function

import json
import os
import sys
import types

import twisted.internet


def without_tls():
    """Puts the stand-in where the suite looks for Twisted's TLS module."""
    tls = types.ModuleType("twisted.internet.ssl")
    tls.ClientContextFactory = object  # made for each server, used for wss:// only
    sys.modules[tls.__name__] = tls
    twisted.internet.ssl = tls


def write_planned_cases(spec_path):
    """Writes the ids the spec stands for; a pattern that fits none is an error."""
    from autobahntestsuite import fuzzing

    suite = fuzzing.CaseSet(
        fuzzing.CaseSetname,
        fuzzing.CaseBasename,
        fuzzing.Cases,
        fuzzing.CaseCategories,
        fuzzing.CaseSubCategories,
    )
    with open(spec_path) as spec_file:
        spec = json.load(spec_file)
    for pattern in spec["cases"]:
        if not suite.resolveCasePatternList([pattern]):
            sys.exit("the suite has no cases %s" % pattern)
    planned_path = os.path.join(os.path.dirname(spec_path), "cases.json")
    with open(planned_path, "w") as planned_file:
        json.dump(suite.parseSpecCases(spec), planned_file)


without_tls()
write_planned_cases(sys.argv[sys.argv.index("-s") + 1])

from autobahntestsuite.wstest import run  # noqa: E402 (only after the stand-in)

run()
