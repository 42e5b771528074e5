"""Resume what FSDP trains, where mmengine's strategy fails."""

from typing import Any

from mmengine._strategy.fsdp import FSDPStrategy as MMEngineFSDPStrategy
from torch.distributed.fsdp import FullyShardedDataParallel

from mmkd.registry import STRATEGIES


@STRATEGIES.register_module()
class FSDPStrategy(MMEngineFSDPStrategy):
    """mmengine's ``FSDPStrategy``, which can resume.

    Since torch 2.1 FSDP takes model, optimizer and state in another order than mmengine gives them.
    """

    def load_optim_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Give every process its share of the state of the optimizer."""
        share = FullyShardedDataParallel.optim_state_dict_to_load(
            model=self.model, optim=self.optim_wrapper.optimizer, optim_state_dict=state_dict
        )
        self.optim_wrapper.load_state_dict(share)
