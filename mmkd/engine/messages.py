"""Tell a user's error in one sentence."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

USER_ERRORS = (ValueError, KeyError, TypeError, OSError, FloatingPointError, ImportError)
ADVICE = dict.fromkeys(
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    'make room or name another folder, and run this again; a training goes on with --resume',
)


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
        print(f'{type(error).__name__}: {_told(error)}\n(MMKD_TRACEBACK=1 shows where it was raised.)', file=sys.stderr)
        sys.exit(1)


def _told(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        # The system tells what is wrong and not what to do.
        place = 'A file' if error.filename is None else repr(str(error.filename))
        advice = ADVICE.get(error.errno, 'correct the path, or its permissions')
        return f'{place} cannot be used ({error.strerror}): {advice}.'
    # KeyError prints its message in quotes.
    return str(error.args[0] if isinstance(error, KeyError) and error.args else error)
