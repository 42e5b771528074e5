"""Tell a user's error in one sentence."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

USER_ERRORS = (ValueError, KeyError, TypeError, OSError, FloatingPointError, ImportError)


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """End the program with the message of an error instead of its traceback, with exit status 1.

    The environment variable ``MMKD_TRACEBACK=1`` shows the traceback.
    """
    try:
        yield
    except USER_ERRORS as error:
        if os.environ.get('MMKD_TRACEBACK') == '1':
            raise
        # KeyError prints its message in quotes.
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f'{type(error).__name__}: {message}\n(MMKD_TRACEBACK=1 shows where it was raised.)', file=sys.stderr)
        sys.exit(1)
