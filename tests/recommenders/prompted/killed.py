"""What a test kills: fine-tuning or sampling at a service, in a process of its own.

python -m tests.recommenders.prompted.killed (train | sample) PROVIDER ADDRESS
"""

from __future__ import annotations

import sys

from benchkit_plugins.recommenders.prompted.providers.hosted import jobs
from tests.recommenders.prompted.asking import Recorder, fine_tune, provider, sampled

TEXTS = [f"prompt {number}" for number in range(10)]


def main() -> None:
    """Do it."""
    what, name, url = sys.argv[1:]
    jobs.POLL = 0.02
    if what == "train":
        asked, recorder = provider(name, url), Recorder()
        asked.train(fine_tune(asked), recorder.allow, recorder.report)
    else:
        sampled(provider(name, url, batch=True), TEXTS)


if __name__ == "__main__":
    main()
