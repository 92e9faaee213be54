"""`python -m workers`: the worker process."""

import logging
import os
import sys

from models.errors import ModelError
from queue_config import logs
from queue_config.errors import BadSetting
from queue_config.long_lived import keep_for_good
from queue_config.settings import Settings
from workers.build import build
from workers.process import exit_if_a_thread_dies
from workers.slot import SlotLock


def main() -> int:
    try:
        settings = Settings.from_env(os.environ)
    except BadSetting as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.set_up("worker", settings.log_level, settings.log_format)
    exit_if_a_thread_dies()
    lock = SlotLock(settings.home, settings.slot)
    try:
        # Before the model is loaded: two engines on one device would run it out of memory.
        lock.acquire()
        process = build(settings)
        keep_for_good()
        process.run()
    except ModelError as error:
        logging.getLogger("workers").critical("%s", error)
        return 2
    except Exception:
        # The worker's other threads would keep the process alive without its engine; better to be restarted.
        logging.getLogger("workers").critical("the worker failed", exc_info=True)
        os._exit(70)
    return 0


if __name__ == "__main__":
    sys.exit(main())
