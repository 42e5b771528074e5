"""How hypothesis draws a call of every loss, by the name of its class."""
import torch

from mmkd import losses
from mmkd.losses.attention_map import NORMALIZATIONS, REDUCTIONS
from mmkd.losses.pixel_to_region import PixelToRegionLoss
from mmkd.losses.token_graph import GRAPHS, SOFTMAXES
from tests.losses.drawn import Call, on_maps, on_rows, under_mask


def attention_map(numbers):
    arguments = dict(normalize=numbers.one_of(*NORMALIZATIONS), reduction=numbers.one_of(*REDUCTIONS))
    return losses.AttentionMapLoss(**arguments, power=numbers.one_of(1, 2, 3))


def batch_similarity(numbers):
    count = numbers.size()
    sides = [numbers.tensor(count, *(numbers.size() for _ in range(numbers.one_of(1, 3)))) for _ in range(2)]
    return Call(losses.BatchSimilarityLoss(), *sides, is_empty=count < 2)


def binary_soft_target(numbers):
    return weighted_rows(losses.BinarySoftTargetLoss(numbers.temperature()), numbers)


def individual_similarity(numbers):
    return weighted_rows(losses.IndividualSimilarityLoss(), numbers)


def weighted_rows(loss, numbers):
    count, width = numbers.size(), numbers.size()
    call = under_mask(loss, numbers.tensor(count, width), numbers.tensor(count, width), numbers.mask(count))
    if call.hidden is not None:
        (mask,) = call.others
        call.others = (mask * (0.1 + torch.rand(count, generator=numbers.generator)),)
    return call


def categorical_similarity(numbers):
    count, width = numbers.size(), numbers.size()
    loss = losses.CategoricalSimilarityLoss(numbers.temperature(), numbers.one_of(0, 1e-7))
    sides = [numbers.tensor(count, width) for _ in range(2)]
    return Call(loss, *sides, (numbers.classes(2, count),), trains_teacher=True)


def class_correlation(numbers):
    return under_mask(losses.ClassCorrelationLoss(temperature=numbers.temperature()), *logits(numbers, least=2))


def decoupled_soft_target(numbers):
    student, teacher, mask = logits(numbers, least=2)
    labels = numbers.classes(student.shape[1], student.shape[0], *student.shape[2:])
    if mask is not None:
        labels = labels.masked_fill(~mask, 255)
    return under_mask(losses.DecoupledSoftTargetLoss(temperature=numbers.temperature()), student, teacher, mask, labels)


def soft_target(numbers):
    call = under_mask(losses.SoftTargetLoss(numbers.temperature()), *logits(numbers))
    if call.hidden is not None and numbers.one_of(True, False):
        (mask,) = call.others
        call.others = (None, mask * (0.1 + torch.rand(mask.shape, generator=numbers.generator)))
    return call


def logits(numbers, least=1):
    """Logits of two networks (N, C), (N, C, L) or (N, C, H, W), and a mask of them."""
    count, classes = numbers.size(), numbers.size(least)
    size = [numbers.size() for _ in range(numbers.one_of(0, 1, 2))]
    sides = [numbers.tensor(count, classes, *size) for _ in range(2)]
    return *sides, numbers.mask(count, *size)


def contextual(numbers):
    count, tokens = numbers.size(), numbers.size()
    sides = [numbers.tensor(count, tokens, numbers.size()) for _ in range(2)]
    return Call(losses.ContextualLoss(), *sides, is_empty=tokens < 2)


def pixel_to_region(numbers):
    count, width, regions = numbers.size(), numbers.size(), numbers.one_of(0, 1, 3)
    sides = [numbers.tensor(count, width) for _ in range(2)]
    others = (numbers.tensor(regions, width),)
    return Call(PixelToRegionLoss(numbers.temperature()), *sides, others, is_empty=regions < 2)


def ranked_shape(numbers):
    count, classes = numbers.size(), numbers.size()
    student = numbers.tensor(count, classes)
    reference = numbers.tensor(count, classes).float().softmax(dim=1).sort(dim=1).values
    reference = reference.mean(dim=0) if numbers.one_of(True, False) else reference
    return Call(losses.RankedShapeLoss(numbers.temperature()), student, reference, is_empty=classes < 2)


def relational_similarity(numbers):
    views, images = numbers.one_of(1, 2, 4), numbers.size()
    sides = [numbers.tensor(views * images, numbers.size()) for _ in range(2)]
    # one column has all of a softmax: that is one image, or two rows each of which has the other alone
    is_empty = images < 2 or views * images == 2
    return Call(losses.RelationalSimilarityLoss(numbers.temperature()), *sides, (views,), is_empty=is_empty)


def token_graph(numbers):
    return losses.TokenGraphLoss(
        numbers.size(), numbers.one_of(0.1, 1.0), numbers.one_of(*GRAPHS), numbers.one_of(*SOFTMAXES))


def regressed(kind):
    """Maps of one level or two, with a regressor each; what they hide goes into batch norms, so that it is finite."""

    def draw(numbers):
        pairs = [(numbers.size(), numbers.size()) for _ in range(numbers.one_of(1, 2))]
        torch.manual_seed(0)
        loss = kind(*zip(*pairs, strict=True)).train(numbers.one_of(True, False))
        if numbers.dtype == torch.float64:
            loss.double()
        elif numbers.dtype != torch.float32:
            # As in training in mixed precision, where a convolution of large half-precision maps is infinite itself.
            numbers.magnitude = min(numbers.magnitude, 100.0)
            loss.forward = torch.autocast('cpu', numbers.dtype)(loss.forward)
        count = numbers.size(2)
        sizes = [(numbers.size(), numbers.size()) for _ in pairs]
        sides = [
            [numbers.tensor(count, channels[side], *size) for channels, size in zip(pairs, sizes, strict=True)]
            for side in range(2)
        ]
        masks = [numbers.mask(count, *size) for size in sizes]
        masks = None if None in masks else masks
        return Call(loss, *sides, (masks,), is_empty=masks is not None and not any(mask.any() for mask in masks))

    return draw


CALLS = dict(
    AttentionMapLoss=on_maps(attention_map, equal_channels=False),
    BatchSimilarityLoss=batch_similarity,
    BinarySoftTargetLoss=binary_soft_target,
    CategoricalSimilarityLoss=categorical_similarity,
    ChannelWiseLoss=on_maps(lambda numbers: losses.ChannelWiseLoss(numbers.temperature())),
    ClassCorrelationLoss=class_correlation,
    ContextualLoss=contextual,
    DecoupledSoftTargetLoss=decoupled_soft_target,
    FeatureMSELoss=on_maps(lambda numbers: losses.FeatureMSELoss(numbers.one_of('mean', 'sum'))),
    FitNetLoss=regressed(losses.FitNetLoss),
    HierarchicalContextLoss=on_maps(lambda numbers: losses.HierarchicalContextLoss()),
    IndividualSimilarityLoss=individual_similarity,
    OverhaulLoss=regressed(losses.OverhaulLoss),
    PairwiseSimilarityLoss=on_maps(
        lambda numbers: losses.PairwiseSimilarityLoss(numbers.one_of(1, 2, 3)), equal_channels=False),
    PearsonCorrelationLoss=on_maps(lambda numbers: losses.PearsonCorrelationLoss()),
    PixelRelationLoss=on_maps(
        lambda numbers: losses.PixelRelationLoss(numbers.temperature(), numbers.one_of(1, 4, 1024)),
        equal_channels=False),
    PixelToRegionLoss=pixel_to_region,
    RankedShapeLoss=ranked_shape,
    RelationalSimilarityLoss=relational_similarity,
    RelativeAngleLoss=on_rows(lambda numbers: losses.RelativeAngleLoss(), equal_width=False),
    RelativeDistanceLoss=on_rows(lambda numbers: losses.RelativeDistanceLoss(), equal_width=False),
    SoftTargetLoss=soft_target,
    TokenContrastLoss=on_rows(lambda numbers: losses.TokenContrastLoss(numbers.temperature())),
    TokenGraphLoss=on_rows(token_graph, equal_width=False),
)
