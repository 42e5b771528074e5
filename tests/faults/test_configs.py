"""Configs that say something wrong."""
import math

import pytest

from tests.faults import check_refused
from tests.students import FRSKD, SCOPES, STUDENTS, build, classifier, distilling, segmentor
from tests.teachers import taught, teacher_of

KD = dict(type='mmkd.LogitKD')
METHODS = {
    'no type': (dict(weight=1), 'None'),
    'unknown method': (dict(type='mmkd.FRKSD'), "'mmkd.FRKSD'", 'mmkd.FRSKD'),
    'method without scope': (dict(type='NoMethod'), "'NoMethod'"),
    'a loss for a method': (dict(type='mmkd.SoftTargetLoss'), "'mmkd.SoftTargetLoss'"),
    'a model for a method': (dict(type='mmseg.FCNHead'), "'mmseg.FCNHead'"),
    'unknown argument': (dict(FRSKD, alpha=1), "['alpha']", 'feature_weight'),
    'negative weight': (dict(FRSKD, weight=-1), 'FRSKD.weight is -1'),
    'nan weight': (dict(FRSKD, weight=math.nan), 'FRSKD.weight is nan'),
    'infinite weight': (dict(FRSKD, feature_weight=math.inf), 'FRSKD.feature_weight is inf'),
    'weight in words': (dict(FRSKD, weight='1'), "FRSKD.weight='1' is a str"),
    'weight from a list': (dict(FRSKD, weight=[1, 2]), 'FRSKD.weight=[1, 2] is a list'),
    'weight that is true': (dict(FRSKD, weight=True), 'FRSKD.weight=True is a bool'),
    'weight of None': (dict(FRSKD, weight=None), 'FRSKD.weight=None is a NoneType'),
    'temperature of 0': (dict(FRSKD, temperature=0), 'FRSKD.temperature is 0'),
    'unknown schedule': (dict(FRSKD, weight=dict(type='Rmap', begin=0, end=1)), "'Rmap'"),
    'schedule without type': (dict(FRSKD, weight=dict(begin=0, end=1)), 'None'),
    'schedule without end': (dict(FRSKD, weight=dict(type='Ramp', begin=0)), "['begin']"),
    'schedule with more': (dict(FRSKD, weight=dict(type='Ramp', begin=0, end=1, to=2)), "['begin', 'end', 'to']"),
    'schedule in words': (dict(FRSKD, weight=dict(type='Ramp', begin='a', end=1)), "begin='a'"),
    'schedule of words': (dict(FRSKD, weight=dict(type='Ramp', begin=0, end=1, stop='b')), "stop='b'"),
    'schedule backwards': (dict(FRSKD, weight=dict(type='Ramp', begin=5, end=1)), 'begin=5'),
    'unknown shape': (dict(FRSKD, weight=dict(type='Ramp', begin=0, end=1, shape='round')), "'round'"),
    'ratio from 0': (dict(FRSKD, weight=dict(type='Anneal', start=0, stop=1, shape='exp')), "'exp' from 0"),
    'negative end': (dict(FRSKD, weight=dict(type='Anneal', start=0, stop=-1)), '-1'),
    'unknown source': (dict(FRSKD, source='head'), "source='head'"),
    'classes of the self-teacher': (dict(FRSKD, self_teacher=dict(head=dict(num_classes=7))), 'num_classes=7'),
    'unknown part of the self-teacher': (dict(FRSKD, self_teacher=dict(widht=2)), 'widht'),
}


@pytest.mark.parametrize('name', METHODS)
def test_a_wrong_method_is_told(name):
    method, *found = METHODS[name]
    check_refused(lambda: build(distilling(segmentor(), dict(mine=method))), *found)


LEARNING = {
    'unknown source': (dict(type='mmkd.AttentionTransfer', source='haed'), "source='haed'"),
    'no such level': (dict(type='mmkd.AttentionTransfer', levels=[9]), '[9]'),
    'levels that do not pair up': (dict(type='mmkd.AttentionTransfer', levels=[0, 1], teacher_levels=[0]), '[0, 1]'),
    'unknown reduction': (dict(type='mmkd.AttentionTransfer', reduction='max'), "'max'"),
    'levels of logits': (dict(type='mmkd.ChannelWiseKD', source='logits', levels=[0]), 'levels=[0]'),
    'negative temperature': (dict(KD, temperature=-1), 'LogitKD.temperature is -1'),
    'positions': (dict(type='mmkd.CIRKD', max_positions=0), 'max_positions is 0'),
    'window': (dict(type='mmkd.PairwiseSimilarity', window=0), 'window is 0'),
    'tokens': (dict(type='mmkd.TRG', num_neighbors=0), 'num_neighbors is 0'),
}


@pytest.mark.parametrize('name', LEARNING)
def test_a_wrong_method_with_a_teacher_is_told(name, tmp_path):
    method, *found = LEARNING[name]
    check_refused(lambda: taught(tmp_path, methods=dict(mine=method)), *found)


STUDENT = {
    'no type': (dict(depth=18), "'depth': 18"),
    'unknown type': (dict(segmentor(), type='EncoderDecodr'), 'EncoderDecodr'),
    'unknown backbone': (dict(segmentor(), backbone=dict(type='ResNot')), 'ResNot'),
    'no toolbox': (dict(type='mmengine.BaseDataPreprocessor'), 'BaseDataPreprocessor'),
    'a part of a model': (dict(type='mmseg.FCNHead', in_channels=8, channels=8, num_classes=2), 'FCNHead'),
    'a distiller again': (distilling(segmentor()), 'mmkd.Distiller'),
    'no dict': ('path.py', "'path.py'"),
}


@pytest.mark.parametrize('name', STUDENT)
def test_a_wrong_student_is_told(name):
    student, *found = STUDENT[name]
    check_refused(lambda: build(distilling(student)), *found)


DISTILLER = {
    'unknown place': (dict(taps=dict(bakcbone='backbone')), "['bakcbone']"),
    'unknown tap': (dict(taps=dict(backbone='backbne')), "'backbne'", 'backbone'),
    'unreadable tap': (dict(taps=dict(backbone='backbone[[')), "'backbone[['"),
    'tap that is a number': (dict(taps=dict(backbone=3)), '3'),
    'unknown key': (dict(tapps=3), 'tapps'),
    'teacher of nobody': (dict(teacher=dict(config='x.py', checkpoint='x.pth')), 'frskd'),
    'methods in a list': (dict(methods=[dict(FRSKD)]), 'methods is ['),
    'method that is no dict': (dict(methods=dict(frskd='mmkd.FRSKD')), "'frskd'", "'mmkd.FRSKD'"),
    'dot in a name': (dict(methods={'a.b': dict(FRSKD)}), "'a.b'"),
}


@pytest.mark.parametrize('name', DISTILLER)
def test_a_wrong_distiller_is_told(name):
    arguments, *found = DISTILLER[name]
    check_refused(lambda: build(distilling(segmentor()) | arguments), *found)


def test_a_method_that_learns_needs_a_teacher():
    check_refused(lambda: build(distilling(segmentor(), dict(kd=KD))), "'kd'", 'teacher=None')


TEACHER = {
    'empty list': ([], 'empty list'),
    'no dict': ('teacher.py', "'teacher.py'"),
    'no config': (dict(checkpoint='a.pth'), "['checkpoint']"),
    'unknown key': (dict(config='a.py', chekpoint='a.pth'), "['chekpoint']"),
    'no checkpoint': (dict(config=dict(segmentor(), _scope_='mmseg')), "'EncoderDecoder'"),
    'no model': (dict(config=dict(model=dict(depth=18)), checkpoint='a.pth'), "'None'"),
    'unknown model': (dict(config=dict(type='Nothing'), checkpoint='a.pth'), "'Nothing'"),
    'config that is not there': (dict(config='nowhere.py', checkpoint='a.pth'), "'nowhere.py'"),
    'package that is not there': (dict(config='mmnothing::a.py', checkpoint='a.pth'), "'mmnothing'"),
    'checkpoint that is not there': (
        dict(config=dict(segmentor(), _scope_='mmseg'), checkpoint='nowhere.pth'), "'nowhere.pth'"),
}


@pytest.mark.parametrize('name', TEACHER)
def test_a_wrong_teacher_is_told(name):
    teacher, *found = TEACHER[name]
    error = (ValueError, KeyError, TypeError, OSError, ImportError)
    check_refused(lambda: build(distilling(segmentor(), dict(kd=KD), teacher=teacher)), *found, error=error)


TEACHER_KEYS = {
    'weight': (dict(weight=-1), 'weight=-1'),
    'nan': (dict(weight=math.nan), 'weight=nan'),
    'autocast': (dict(autocast='float8'), "'float8'"),
    'tap': (dict(taps=dict(backbone='backbne')), "'backbne'"),
    'key of the cache': (dict(cache=dict(folder='a')), "['folder']"),
    'size of the cache': (dict(cache=dict(path='a', max_gigabytes=0)), 'max_gigabytes=0'),
    'precision of the cache': (dict(cache=dict(path='a', precision='int8')), "'int8'"),
    'form of the cache': (dict(cache=3), '3'),
}


@pytest.mark.parametrize('name', TEACHER_KEYS)
def test_a_wrong_key_of_a_teacher_is_told(name, tmp_path):
    more, *found = TEACHER_KEYS[name]
    check_refused(lambda: taught(tmp_path, **more), *found)


@pytest.mark.parametrize('task', STUDENTS)
def test_a_teacher_of_other_classes_is_told(task, tmp_path):
    teacher = teacher_of(tmp_path, STUDENTS[task](num_classes=4), SCOPES[task])
    check_refused(lambda: taught(tmp_path, task, teacher=teacher), 'num_classes=4')


def test_a_teacher_of_another_task_is_told(tmp_path):
    teacher = teacher_of(tmp_path, classifier(), 'mmpretrain')
    check_refused(lambda: taught(tmp_path, 'segmentation', teacher=teacher), 'classification', 'segmentation')
