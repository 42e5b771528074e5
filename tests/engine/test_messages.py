import pytest

from mmkd.engine.messages import one_sentence_errors


@pytest.mark.parametrize('error', [ValueError('too big: halve it.'), KeyError('too big: halve it.')])
def test_a_users_error_ends_with_its_sentence(error, capsys):
    with pytest.raises(SystemExit) as stopped, one_sentence_errors():
        raise error
    assert stopped.value.code == 1
    first = capsys.readouterr().err.splitlines()[0]
    assert first == f'{type(error).__name__}: too big: halve it.'


def test_a_traceback_can_be_asked_for(monkeypatch):
    monkeypatch.setenv('MMKD_TRACEBACK', '1')
    with pytest.raises(ValueError, match='too big'), one_sentence_errors():
        raise ValueError('too big')


def test_a_defect_of_the_program_keeps_its_traceback():
    with pytest.raises(AssertionError), one_sentence_errors():
        raise AssertionError
