"""The fragments of the baselines on features and logits distil a student of the task they are made for."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.logging import MessageHub

from tests.methods.given_maps import padded_batch, wide
from tests.students import SCOPES
from tests.teachers import taught, teacher_of

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / '_base_' / 'methods'
FRAGMENTS = dict(
    logit_kd='classification',
    logit_kd_segmentation='segmentation',
    logit_kd_detection='detection',
    attention_transfer='classification',
    attention_transfer_segmentation='segmentation',
    feature_kd='classification',
    feature_kd_segmentation='segmentation',
    feature_kd_detection='detection',
    channel_wise_kd='classification',
    channel_wise_kd_segmentation='segmentation',
    channel_wise_kd_detection='detection',
    pkd='detection',
    mgd='classification',
    mgd_segmentation='segmentation',
    mgd_detection='detection',
    review_kd='classification',
    review_kd_detection='detection',
)


@pytest.mark.parametrize('fragment, task', list(FRAGMENTS.items()))
def test_a_fragment_distils_a_student(tmp_path, fragment, task):
    methods = Config.fromfile(FOLDER / f'{fragment}.py').methods
    model = taught(tmp_path, task, methods, teacher_of(tmp_path, wide(task), SCOPES[task]))
    # the last moment of a run, when a ramp has reached its end
    MessageHub.get_current_instance().update_info_dict(dict(iter=99, max_iters=100))
    losses = model.loss(*padded_batch(task))
    (key,) = [key for key in losses if key.startswith('distill.')]
    assert losses[key].isfinite() and losses[key] > 0


def test_the_weight_of_review_rises_over_a_twelfth_of_a_run(tmp_path):
    methods = Config.fromfile(FOLDER / 'review_kd.py').methods
    model = taught(tmp_path, 'classification', methods)
    hub = MessageHub.get_current_instance()
    values = []
    for moment in (0, 4, 9, 119):
        hub.update_info_dict(dict(iter=moment, max_iters=120))
        values.append(model.distill.methods.review_kd.term_weight('review'))
    assert values == pytest.approx([0.5, 2.5, 5, 5])
