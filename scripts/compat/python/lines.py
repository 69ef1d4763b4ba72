"""Calls as lines of JSON on standard input, outcomes as lines on standard output. The first line tells the version."""

import json
import sys


def serve(version, call):
    """Runs `call(ask, outcome)` for each line; what it raises belongs to the outcome."""
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        outcome = {"answers": []}
        try:
            call(json.loads(line), outcome)
        except Exception as error:
            status = getattr(error, "status_code", None)
            # What an error that never was an answer has for a status.
            known = {} if status in (None, -1) else {"status": status}
            outcome["error"] = {"class": type(error).__name__, **known, "message": str(error)}
        print(json.dumps(outcome), flush=True)
