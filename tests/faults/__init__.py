"""How a user is told of bad input: in one sentence, with exit status 1 and without a traceback."""
import io
import os
import re
import runpy
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

import pytest

from tests.runs import ROOT


def check_sentence(message, *found):
    """One sentence: what was found, and after a colon or semicolon what to do."""
    assert '\n' not in message and message.endswith('.'), message
    assert len(message) < 600, message
    assert re.search(r'[:;] \S', message), f'no advice: {message}'
    assert not re.search(r'[.!?] [A-Z]', message), f'more than one sentence: {message}'
    for value in found:
        assert str(value) in message, f'{value!r} is not in: {message}'


def check_refused(action, *found, error=(ValueError, KeyError, TypeError, OSError)):
    """What an action tells of the input that it refuses."""
    with pytest.raises(error) as raised:
        action()
    message = str(raised.value.args[0])
    check_sentence(message, *found)
    return message


def check_tool_refuses(*args, found=()):
    """What a command line, run in this process, tells before it ends with status 1."""
    command, told = list(map(str, args)), io.StringIO()
    # threads of a data loader or another test may not write between the lines
    with mock.patch('sys.argv', command), mock.patch.dict(os.environ, CUDA_VISIBLE_DEVICES='-1'):
        with redirect_stdout(io.StringIO()), redirect_stderr(told), pytest.raises(SystemExit) as stopped:
            runpy.run_path(str(ROOT / command[0]), run_name='__main__')
    return check_told(stopped.value.code, told.getvalue(), found)


def check_told(status, told, found=()):
    """The sentence in what a command line wrote to stderr."""
    assert status == 1, told
    assert 'Traceback' not in told
    *_, sentence, hint = told.strip().splitlines()
    assert hint == '(MMKD_TRACEBACK=1 shows where it was raised.)'
    kind, _, message = sentence.partition(': ')
    assert kind.endswith('Error')
    check_sentence(message, *found)
    return message
