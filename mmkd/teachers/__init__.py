"""External teachers: frozen models of any toolbox that a student learns from."""

from mmkd.teachers.build import build_teachers
from mmkd.teachers.external_teacher import ExternalTeacher
from mmkd.teachers.lesson import Lesson

__all__ = ['ExternalTeacher', 'Lesson', 'build_teachers']
