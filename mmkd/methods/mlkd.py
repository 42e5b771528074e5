"""MLKD: individual, relational and categorical similarity to a teacher."""

from typing import TYPE_CHECKING, Any, ClassVar

from mmengine.logging import print_log
from torch import Tensor, nn

from mmkd.entities import Entities, EntitySets
from mmkd.losses import CategoricalSimilarityLoss, IndividualSimilarityLoss, RelationalSimilarityLoss
from mmkd.methods.taught import TaughtMethod
from mmkd.networks.projection_head import PairedEmbedding, ProjectionHead, check_norm
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig
from mmkd.step import Step
from mmkd.tasks.base import Task

if TYPE_CHECKING:
    from mmkd.teachers import ExternalTeacher, Lesson

COLUMNS = ('pixels', 'regions')
WIDEST = 4096
"""Hidden width of the individual head at most, where nothing else is asked for."""


@MODELS.register_module()
class MLKD(TaughtMethod):
    r"""Three similarities between student and teacher, on the level of a sample, of the batch and of a class.

    With features :math:`f_s, f_t` of the same things and heads :math:`p, g, e_s, e_t` that are dropped after training

    .. math:: \delta \, L_{ind}(p(f_s), f_t) + \alpha \, L_{rel}(g(f_s), f_t) + \beta \, L_{cat}(e_s(f_s), e_t(f_t), y)

    - **individual**: directions agree, see :func:`mmkd.losses.individual_similarity_loss`;
    - **relational**: each thing is as similar to the others as it is for the teacher, see
      :func:`mmkd.losses.relational_similarity_loss`;
    - **categorical**: things of one class attract each other across both networks, see
      :func:`mmkd.losses.categorical_similarity_loss`. It also trains :math:`e_t`, a linear layer on the detached
      features of the teacher.

    Things are

    - classification: images, by what the classifier reads. With ``num_views=4`` each is seen upright and turned by one,
      two and three quarter turns, as published: :class:`mmkd.datasets.RotatedViews` and
      ``mmkd.MultiViewDataPreprocessor`` make the batch, the student's own loss learns the upright views alone, and
      turned views are related to upright ones;
    - segmentation (ours): pixels of the decoder map, drawn evenly from the classes; for the categorical term the
      regions of a class in an image. Void and padding are left out;
    - detection (ours): ground-truth boxes, pooled from the level of the neck that suits their size.

    Ding et al., `Multi-level Knowledge Distillation via Knowledge Alignment and Correlation
    <https://arxiv.org/abs/2012.00573>`_. The weights are those of the published code for CIFAR-100; for ImageNet it has
    10, 20 and 0.5.

    Args:
        weight: Multiplies all terms. Each weight is a number or a schedule.
        individual_weight: :math:`\delta`.
        relational_weight: :math:`\alpha`.
        categorical_weight: :math:`\beta`.
        num_views: Classification: views per image, 1 or those that the pipeline makes.
        relational_temperature: Divides cosines in the relational term.
        categorical_temperature: Divides cosines in the categorical term.
        eps: Added to the denominator of the categorical term.
        individual_channels: Hidden width of :math:`p`, by default 16 times the teacher's width as published, but no
            more than 4096.
        embedding_channels: Width of :math:`e_s` and :math:`e_t`.
        norm: ``'BN'`` as published, or ``'LN'`` in the heads, which suits batches of few things.
        columns: Segmentation: whether ``'pixels'`` or ``'regions'`` are related to each other.
        max_entities: How many things are compared at most.
        gather: Whether things are related across all processes, as one process with the whole batch would.

    Raises:
        ValueError: If an argument is out of its range, or the batch has other views than ``num_views``.
    """

    terms: ClassVar[tuple[str, ...]] = ('individual', 'relational', 'categorical')

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        individual_weight: ScheduleConfig = 20.0,
        relational_weight: ScheduleConfig = 50.0,
        categorical_weight: ScheduleConfig = 1.0,
        num_views: int = 1,
        relational_temperature: float = 0.5,
        categorical_temperature: float = 0.07,
        eps: float = 1e-7,
        individual_channels: int | None = None,
        embedding_channels: int = 128,
        norm: str = 'BN',
        columns: str = 'pixels',
        max_entities: int = 2048,
        gather: bool = False,
    ) -> None:
        super().__init__(
            weight, individual=individual_weight, relational=relational_weight, categorical=categorical_weight
        )
        check_norm('MLKD', norm)
        _check(num_views, columns, max_entities)
        self.num_views = num_views
        self.individual_channels = individual_channels
        self.embedding_channels = embedding_channels
        self.norm = norm
        self.columns = columns
        self.max_entities = max_entities
        self.individual_loss = IndividualSimilarityLoss()
        self.relational_loss = RelationalSimilarityLoss(relational_temperature, gather=gather)
        self.categorical_loss = CategoricalSimilarityLoss(categorical_temperature, eps, gather=gather)
        self.source = ''

    def attach(self, student: nn.Module, task: Task) -> None:
        """Build the heads."""
        if self.num_views > 1 and task.name != 'classification':
            raise ValueError(
                f'MLKD has num_views={self.num_views}, but views are turned images of classifiers and this is a '
                f'{task.name} student: leave it out.'
            )
        self.source = task.entity_source
        super().attach(student, task)

    def sources(self, term: str) -> tuple[str, ...]:
        """What stands for the things of the task."""
        return (self.source,)

    def build_part(self, term: str, student: nn.Module, task: Task, teacher: 'ExternalTeacher') -> nn.Module:
        """The head of a term."""
        own, other = (_width(each, model, self.source) for each, model in
                      ((task, student), (teacher.task, teacher.model)))
        if term == 'categorical':
            return PairedEmbedding(own, other, self.embedding_channels)
        if term == 'relational':
            return ProjectionHead(own, own, own, self.norm)
        hidden = self.individual_channels or min(16 * other, WIDEST)
        head = ProjectionHead(own, hidden, other, self.norm)
        size = sum(parameter.numel() for parameter in head.parameters())
        print_log(f'The individual head of MLKD has a hidden width of {hidden}: {size:,} parameters.', logger='current')
        return head

    def compare(self, term: str, part: nn.Module, step: Step, lesson: 'Lesson') -> Tensor:
        """A term for one teacher."""
        sets = step.once((self, lesson.teacher), lambda: self.entities(step, lesson))
        if term == 'individual':
            things = sets.instances
            return self.individual_loss(part(things.student), things.teacher, things.weight)
        if term == 'relational':
            things = self._related(sets)
            return self.relational_loss(part(things.student), things.teacher, self.num_views)
        own, other = part(sets.prototypes.student, sets.prototypes.teacher)
        return self.categorical_loss(own, other, sets.prototypes.labels)

    def entities(self, step: Step, lesson: 'Lesson') -> EntitySets:
        """The things of a step, the same for all terms."""
        found = step.task.num_views(step.data_samples)
        if self.num_views not in (1, found):
            raise ValueError(
                f'MLKD has num_views={self.num_views}, but the batch has {found} per image: use mmkd.RotatedViews in '
                'the pipeline and mmkd.MultiViewDataPreprocessor, or leave num_views out.'
            )
        own, other = _at(step, self.source), lesson.knowledge[self.source]
        return step.task.entities(step, own, other, self.max_entities)

    def _related(self, sets: EntitySets) -> Entities:
        return sets.instances if self.columns == 'pixels' else sets.prototypes


def _at(step: Step, source: str) -> Any:
    return step.embedding() if source == 'embedding' else step.features(source)


def _width(task: Task, model: nn.Module, source: str) -> int:
    if source == 'embedding':
        return task.embedding_channels(model)
    channels = task.feature_channels(model, source, least=1)
    if len(set(channels)) > 1:
        raise ValueError(
            f'MLKD compares things of all levels by one head, but the {source} gives the channels {channels}: use a '
            'neck whose levels are equally wide.'
        )
    return channels[-1]


def _check(num_views: int, columns: str, max_entities: int) -> None:
    if num_views < 1:
        raise ValueError(f'MLKD has num_views={num_views}, but it must be at least 1: 4 is what RotatedViews makes.')
    if columns not in COLUMNS:
        raise ValueError(f'MLKD has columns={columns!r}, but it must be one of {COLUMNS}: choose one of these.')
    if max_entities < 2:
        raise ValueError(f'MLKD has max_entities={max_entities}, but relations need at least 2: raise it.')
