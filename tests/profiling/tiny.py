"""A model whose cost is counted by hand: a linear layer (4, 10), and in its distilling form a second one (6, 4)."""

import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from torch import nn

from mmkd.profiling.subject import Subject


class Tiny(BaseModel):
    def __init__(self, distils=False):
        super().__init__()
        self.layer = nn.Linear(10, 4, bias=False)
        if distils:
            self.distill = nn.Linear(4, 6, bias=False)
            self.distill.methods = {}

    def forward(self, inputs, data_samples=None, mode='loss'):
        output = self.layer(inputs)
        losses = dict(loss_own=output.square().mean())
        if hasattr(self, 'distill'):
            losses['distill.extra.loss_more'] = self.distill(output).square().mean()
        return losses


def tiny_subject(name, distils=False, kind=torch.optim.Adam):
    torch.manual_seed(0)
    model = Tiny(distils)
    batch = dict(inputs=torch.rand(8, 10))
    return Subject(name, model, OptimWrapper(kind(model.parameters(), lr=0.1)), batch, {})
