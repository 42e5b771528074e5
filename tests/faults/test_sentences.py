"""Every error that mmkd raises itself is a sentence with advice: read off the source, for those no test provokes."""
import ast
import re

import pytest

from tests.runs import ROOT

FILES = sorted([*(ROOT / 'mmkd').rglob('*.py'), *(ROOT / 'tools').glob('*.py')])
# environment.py runs before anything is installed and has words of its own
MUTE = {'AttributeError', 'IndexError', 'NotImplementedError', 'FullError', 'RuntimeError'}


def text_of(node):
    """A message with ``{}`` for what is put into it, None where it comes from elsewhere."""
    if isinstance(node, ast.JoinedStr):
        return ''.join(part.value if isinstance(part, ast.Constant) else '{}' for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def messages(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            kind, text = getattr(node.exc.func, 'id', ''), text_of(node.exc.args[0]) if node.exc.args else None
            if text is not None and kind.endswith('Error') and kind not in MUTE:
                yield f'{file.name}:{node.lineno}', text


def test_there_are_messages():
    assert sum(len(list(messages(file))) for file in FILES) > 100


@pytest.mark.parametrize('file', FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_messages_are_sentences_with_advice(file):
    for place, text in messages(file):
        assert '\n' not in text and text.endswith('.') and re.search(r'[:;] \S', text), f'{place}: {text}'
