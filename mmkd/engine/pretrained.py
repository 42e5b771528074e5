"""Keep a config from downloading weights."""

from typing import Any


def without_pretrained(config: Any) -> Any:
    """A model config that downloads nothing: no ``pretrained``, no ``init_cfg`` of the type ``Pretrained``."""
    if isinstance(config, dict):
        return type(config)(
            {
                key: None
                if key == 'pretrained' or (key == 'init_cfg' and 'Pretrained' in str(value))
                else without_pretrained(value)
                for key, value in config.items()
            }
        )
    if isinstance(config, list | tuple):
        return type(config)(without_pretrained(item) for item in config)
    return config
