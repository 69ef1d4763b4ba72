"""Makes the blocking face of the Python client from the asynchronous one: `blocking.py <_async> <_sync>`.

Word by word: `async` and `await` go, and what has another name to blocking callers gets it.
"""

import sys
from pathlib import Path

from unasync import Rule, unasync_files

names = {
    "_async": "_sync",
    "aclose": "close",
    "aclosing": "closing",
    "aiter_bytes": "iter_bytes",
    "aread": "read",
    "async_sleep": "sleep",
    "async_undisturbed": "undisturbed",
    "AsyncClient": "Client",
    "AsyncConnection": "Connection",
    "AsyncDeliveries": "Deliveries",
    "AsyncForeman": "Foreman",
    "AsyncJobs": "Jobs",
    "AsyncQueue": "Queue",
    "AsyncTarget": "Target",
}
words = {
    "The asynchronous face, from which the blocking one in ``_sync`` is made.": "The blocking face, made from ``_async``: "
    "``npm run clients``.",
    "(an interrupt, a task that is canceled, a stream that is closed)": "(an interrupt, a signal's exception, a stream that is closed)",
}

source, made = (Path(argument).resolve() for argument in sys.argv[1:3])
unasync_files([str(path) for path in source.glob("*.py")], [Rule(str(source), str(made), names)])
for path in made.glob("*.py"):
    text = path.read_text()
    for asynchronous, blocking in words.items():
        text = text.replace(asynchronous, blocking)
    path.write_text(text)
