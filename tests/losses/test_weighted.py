import pytest

from mmkd.losses import SoftTargetLoss, TokenGraphLoss


def test_arguments_are_shown_and_may_be_set_anew():
    loss = SoftTargetLoss(temperature=2.0, loss_weight=0.5)
    loss.temperature = 3.0
    assert repr(loss) == 'SoftTargetLoss(temperature=3.0, loss_weight=0.5)'
    assert repr(TokenGraphLoss()).startswith("TokenGraphLoss(num_neighbors=9, sigma=1.0, graph='own'")


def test_a_negative_weight_is_refused():
    with pytest.raises(ValueError, match='loss_weight is -1'):
        SoftTargetLoss(loss_weight=-1)
