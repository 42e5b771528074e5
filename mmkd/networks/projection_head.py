"""Heads that project rows of features for a comparison, and are dropped after training."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import check_count

NORMS = dict(BN=nn.BatchNorm1d, LN=nn.LayerNorm)


class ProjectionHead(nn.Module):
    r"""Two linear layers with a normalisation and a ReLU in between, in full precision.

    .. math:: W_2 \, \mathrm{ReLU}(\mathrm{norm}(W_1 x + b_1)) + b_2

    Batch norm needs two rows to find statistics. A training batch of fewer is normalised by the running statistics,
    which stay as they are; layer norm (``norm='LN'``) needs no second row and suits batches that are always small.

    Args:
        in_channels: Length of the rows.
        hidden_channels: Length in between.
        out_channels: Length of the result.
        norm: ``'BN'`` or ``'LN'``.

    Raises:
        ValueError: If a length is below 1 or the norm is unknown.
    """

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int, norm: str = 'BN') -> None:
        super().__init__()
        check_norm('ProjectionHead', norm)
        for name, value in (('in_channels', in_channels), ('hidden_channels', hidden_channels),
                            ('out_channels', out_channels)):
            check_count(name, value)
        self.fc1 = nn.Linear(in_channels, hidden_channels)
        self.norm = NORMS[norm](hidden_channels)
        self.fc2 = nn.Linear(hidden_channels, out_channels)

    def forward(self, rows: Tensor) -> Tensor:
        """Project rows (M, in_channels) to (M, out_channels); M may be 0."""
        with torch.autocast(rows.device.type, enabled=False):
            hidden = self.fc1(rows.to(self.fc1.weight.dtype))
            return self.fc2(self._normalised(hidden).relu())

    def _normalised(self, hidden: Tensor) -> Tensor:
        # SyncBatchNorm, which a distributed run may put here, counts the rows of all processes by itself.
        if not (isinstance(self.norm, nn.BatchNorm1d) and self.norm.training and hidden.shape[0] < 2):
            return self.norm(hidden)
        norm = self.norm
        return F.batch_norm(hidden, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


class PairedEmbedding(nn.Module):
    """A linear layer for the student and one for the teacher, into one space, in full precision.

    Args:
        student_channels: Length of the student's rows.
        teacher_channels: Length of the teacher's rows.
        out_channels: Length of both embeddings.

    Raises:
        ValueError: If a length is below 1.
    """

    def __init__(self, student_channels: int, teacher_channels: int, out_channels: int = 128) -> None:
        super().__init__()
        for name, value in (('student_channels', student_channels), ('teacher_channels', teacher_channels),
                            ('out_channels', out_channels)):
            check_count(name, value)
        self.student = nn.Linear(student_channels, out_channels)
        self.teacher = nn.Linear(teacher_channels, out_channels)

    def forward(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """Embed rows (M, Ds) and (M, Dt) as (M, out_channels) each; the teacher's rows are detached, its layer not."""
        with torch.autocast(student.device.type, enabled=False):
            dtype = self.student.weight.dtype
            return self.student(student.to(dtype)), self.teacher(teacher.detach().to(dtype))


def check_norm(owner: str, norm: str) -> None:
    """Raise a ``ValueError`` unless ``norm`` is the name of a normalisation of rows."""
    if norm not in NORMS:
        raise ValueError(f'{owner} has norm={norm!r}, but it must be one of {sorted(NORMS)}: choose one of these.')
