"""Cases and teachers of the tests that all methods share."""

import pytest

from tests.methods.every_method import CASES, MODELS, TOOLBOXES, made
from tests.teachers import teacher_of


@pytest.fixture(scope='module')
def teachers(tmp_path_factory):
    return {kind: teacher_of(tmp_path_factory.mktemp(kind), MODELS[kind](), TOOLBOXES[kind]) for kind in MODELS}


@pytest.fixture(scope='module', params=CASES)
def case(request):
    return request.param


@pytest.fixture(scope='module')
def student(case, teachers):
    return made(case, teachers)
