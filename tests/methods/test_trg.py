"""What TRG makes of tokens."""

import pytest
import torch
import torch.nn.functional as F

from mmkd.losses import contextual_loss, token_contrast_loss, token_graph_loss
from mmkd.methods import TRG
from tests.methods.given_tokens import TOKEN_TERMS, step_of, terms_of, trg_of

ALL = dict(tokens_per_image=10**6)


def maps(size=(4, 4), batch=3, channels=(5, 7), dtype=torch.float64, seed=0):
    """One level of student and teacher."""
    generator = torch.Generator().manual_seed(seed)
    return [[torch.randn(batch, count, *size, generator=generator).to(dtype)] for count in channels]


def rows(level):
    return level.flatten(2).mT


def same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in found.items():
        torch.testing.assert_close(value, expected[key], rtol=1e-6, atol=1e-9)


def test_terms_are_the_losses_of_the_tokens_of_the_whole_batch():
    student, teacher = maps()
    method = trg_of(student, teacher, **ALL, num_neighbors=3, sigma=0.5, global_temperature=0.2,
                    local_weight=2.0, global_weight=3.0, contextual_weight=5.0, weight=0.5).double()
    own, other = rows(student[0]), rows(teacher[0])
    layer = method.parts[0]['global'][0]
    same(terms_of(student, teacher, method=method), {
        'local': token_graph_loss(own.flatten(0, 1), other.flatten(0, 1), 3, 0.5),
        'global': 1.5 * token_contrast_loss(layer(own.flatten(0, 1)), other.flatten(0, 1), 0.2),
        'contextual': 2.5 * contextual_loss(own, other),
    })


def test_local_and_global_see_eight_tokens_of_every_image_and_contextual_sees_all():
    student, teacher = maps()
    method = trg_of(student, teacher, global_temperature=0.2).double()
    torch.manual_seed(5)
    found = terms_of(student, teacher, method=method)
    torch.manual_seed(5)
    chosen = torch.rand(3, 16).topk(8, dim=1).indices.unsqueeze(2)
    own, other = (rows(level[0]).take_along_dim(chosen, 1).flatten(0, 1) for level in (student, teacher))
    same(found, {
        'local': token_graph_loss(own, other),
        'global': token_contrast_loss(method.parts[0]['global'][0](own), other, 0.2),
        'contextual': contextual_loss(rows(student[0]), rows(teacher[0])),
    })


def test_each_step_draws_anew():
    student, teacher = maps()
    method = trg_of(student, teacher, contextual_weight=0.0)
    values = [terms_of(student, teacher, method=method)['global'].item() for _ in range(3)]
    assert len(set(values)) == 3


def test_local_and_global_ignore_the_scale_of_tokens_and_their_order():
    student, teacher = maps()
    method = trg_of(student, teacher, **ALL).double()
    method.parts[0]['global'][0].bias.data.zero_()
    expected = terms_of(student, teacher, method=method)
    scaled = terms_of([7 * student[0]], [teacher[0] / 3], method=method)
    for term in ('local', 'global'):
        torch.testing.assert_close(scaled[term], expected[term])
    order = torch.randperm(16)
    turned = [[level[0].flatten(2)[..., order].unflatten(2, (4, 4)).flip(0)] for level in (student, teacher)]
    same(terms_of(*turned, method=method), expected)


@pytest.mark.parametrize('patch, form', [(2, 'pool'), (2, 'flatten'), (4, 'flatten')])
def test_patches_are_the_tokens(patch, form):
    student, teacher = maps()
    unfolded = [F.unfold(level[0], patch, stride=patch).mT for level in (student, teacher)]
    if form == 'pool':
        unfolded = [tokens.unflatten(2, (-1, patch**2)).mean(dim=3) for tokens in unfolded]
    own, other = (tokens.flatten(0, 1) for tokens in unfolded)
    found = terms_of(student, teacher, **ALL, patch=patch, patch_form=form, global_weight=0.0)
    same(found, dict(local=token_graph_loss(own, other), contextual=contextual_loss(*unfolded)))


def test_different_grids_are_averaged_down_to_the_smaller_one_first():
    student, teacher = maps((8, 8))[0], maps((4, 4))[1]
    smaller = [F.avg_pool2d(student[0], 2)]
    for arguments in (dict(**ALL), dict(**ALL, patch=2)):
        method = trg_of(student, teacher, **arguments).double()
        same(terms_of(student, teacher, method=method), terms_of(smaller, teacher, method=method))
        same(terms_of(teacher, student, global_weight=0, **arguments),
             terms_of(teacher, smaller, global_weight=0, **arguments))


def test_levels_have_graphs_of_their_own_and_are_averaged():
    first, second = maps((4, 4)), maps((2, 2), seed=1)
    levels = [first[0] + second[0], first[1] + second[1]]
    method = trg_of(*levels, **ALL, global_temperature=0.2).double()
    found = terms_of(*levels, method=method)
    single = []
    for index, (student, teacher) in enumerate((first, second)):
        one = trg_of(student, teacher, **ALL, global_temperature=0.2).double()
        one.parts[0]['global'][0] = method.parts[0]['global'][index]
        single.append(terms_of(student, teacher, method=one))
    same(found, {term: (single[0][term] + single[1][term]) / 2 for term in TOKEN_TERMS})


def test_the_deepest_levels_are_paired():
    student, teacher = maps()
    more = maps((9, 9), seed=1)[1] + teacher
    method = trg_of(student, teacher, **ALL)
    same(terms_of(student, more, method=method), terms_of(student, teacher, method=method))


@pytest.mark.parametrize('size, arguments, seen', [
    ((14, 14), dict(), 'all'),
    ((14, 15), dict(), 'drawn'),
    ((14, 15), dict(max_contextual_tokens=210), 'all'),
    ((14, 15), dict(contextual_size=6), (6, 6)),
    ((2, 200), dict(contextual_size=32), (2, 32)),
])
def test_what_the_contextual_term_sees_of_large_maps(size, arguments, seen):
    student, teacher = maps(size)
    method = trg_of(student, teacher, **arguments, local_weight=0, global_weight=0)
    torch.manual_seed(5)
    found = terms_of(student, teacher, method=method)['contextual']
    if seen == 'drawn':
        torch.manual_seed(5)
        chosen = torch.rand(3, 14 * 15).topk(8, dim=1).indices.unsqueeze(2)
        expected = contextual_loss(*(rows(level[0]).take_along_dim(chosen, 1) for level in (student, teacher)))
    else:
        expected = contextual_loss(*(
            rows(level[0] if seen == 'all' else F.adaptive_avg_pool2d(level[0], seen)) for level in (student, teacher)
        ))
    torch.testing.assert_close(found, expected)


def test_the_local_and_the_global_term_share_what_was_drawn_with_the_contextual_one():
    student, teacher = maps((16, 16))
    method = trg_of(student, teacher)
    torch.manual_seed(5)
    torch.rand(3, 256)
    after_one_draw = torch.get_rng_state()
    torch.manual_seed(5)
    terms_of(student, teacher, method=method)
    assert torch.equal(torch.get_rng_state(), after_one_draw)


@pytest.mark.parametrize('batch, size, neighbors', [(1, (4, 4), 9), (2, (1, 1), 9), (1, (2, 1), 1), (3, (2, 2), 99)])
def test_small_batches(batch, size, neighbors):
    student, teacher = maps(size, batch, dtype=torch.float32)
    student[0].requires_grad_()
    method = trg_of(student, teacher, num_neighbors=neighbors)
    values = terms_of(student, teacher, method=method)
    sum(values.values()).backward()
    assert all(value.isfinite() for value in values.values()) and student[0].grad.isfinite().all()
    assert values['global'] > 0
    assert all(parameter.grad.abs().sum() > 0 for parameter in method.parameters())


def test_one_token_has_no_relation():
    student, teacher = maps((1, 1), 1)
    student[0].requires_grad_()
    method = trg_of(student, teacher)
    values = terms_of(student, teacher, method=method)
    sum(values.values()).backward()
    assert all(value == 0 for value in values.values()) and student[0].grad.eq(0).all()
    assert all(parameter.grad.eq(0).all() for parameter in method.parameters())


@pytest.mark.parametrize('graph', ['own', 'teacher'])
@pytest.mark.parametrize('sigma', [1.0, 'median'])
@pytest.mark.parametrize('number', [0.0, 1.0])
def test_equal_tokens_stay_finite(graph, sigma, number):
    student, teacher = [[torch.full_like(level[0], number)] for level in maps()]
    student[0].requires_grad_()
    values = terms_of(student, teacher, graph=graph, sigma=sigma, softmax='edge')
    sum(values.values()).backward()
    assert all(value.isfinite() for value in values.values()) and student[0].grad.isfinite().all()


def test_the_median_width_follows_the_teacher():
    student, teacher = maps()
    unit = F.normalize(rows(teacher[0]).flatten(0, 1))
    nearest = torch.cdist(unit, unit).fill_diagonal_(9).topk(9, largest=False).values ** 2
    found = terms_of(student, teacher, **ALL, sigma='median')['local']
    assert 0.1 < nearest.median() < 1.9
    same(dict(local=found), dict(local=terms_of(student, teacher, **ALL, sigma=nearest.median().item())['local']))


def test_patches_of_padding_or_void_alone_reach_nothing():
    student, teacher = maps((6, 6), dtype=torch.float32)
    mask = torch.zeros(3, 6, 6, dtype=torch.bool)
    mask[0, :4, :4], mask[1, 0, 0] = True, True  # four patches of the first image, one of the second, none of the third
    seen = mask.clone()
    seen[1, :2, :2] = True  # the rest of that patch belongs to it
    for level in (student, teacher):
        level[0] = level[0].masked_fill(~seen.unsqueeze(1), float('nan'))
    student[0].requires_grad_()
    method = trg_of(student, teacher, patch=2)
    values = terms_of(student, teacher, [mask], method=method)
    sum(values.values()).backward()
    assert all(value.isfinite() for value in values.values())
    own, other = (F.avg_pool2d(level[0].detach(), 2)[0, :, :2, :2].flatten(1).mT for level in (student, teacher))
    single = [F.avg_pool2d(level[0].detach(), 2)[1:2, :, 0, 0] for level in (student, teacher)]
    expected = token_graph_loss(torch.cat([own, single[0]]), torch.cat([other, single[1]]))
    torch.testing.assert_close(values['local'], expected)
    # one token alone is related to itself in both networks
    torch.testing.assert_close(values['contextual'], contextual_loss(own[None], other[None]) / 2)
    gradient = student[0].grad
    assert gradient[seen.unsqueeze(1).expand_as(gradient)].isfinite().all()
    assert gradient[~seen.unsqueeze(1).expand_as(gradient)].eq(0).all()


def test_no_valid_patch_is_a_connected_zero():
    student, teacher = maps(dtype=torch.float32)
    student[0].fill_(float('nan')).requires_grad_()
    method = trg_of(student, teacher)
    values = terms_of(student, teacher, [torch.zeros(3, 4, 4, dtype=torch.bool)], method=method)
    sum(values.values()).backward()
    assert all(value == 0 for value in values.values()) and student[0].grad.eq(0).all()
    assert all(parameter.grad.eq(0).all() for parameter in method.parameters())


def test_a_level_smaller_than_a_patch_has_no_token_and_a_pyramid_of_such_is_refused():
    first, second = maps((4, 4)), maps((1, 1), seed=1)
    levels = [first[0] + second[0], first[1] + second[1]]
    alone = terms_of(*first, **ALL, patch=2, global_weight=0)
    same(terms_of(*levels, **ALL, patch=2, global_weight=0), {term: value / 2 for term, value in alone.items()})
    with pytest.raises(ValueError, match=r'patch=5, but the maps .* have the common size 4x4, 1x1'):
        terms_of(*levels, patch=5)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_tokens_are_compared_in_float32(dtype):
    student, teacher = maps((7, 7), dtype=torch.float32)
    halves = [[(50 * level[0]).to(dtype)] for level in (student, teacher)]
    floats = [[level[0].float()] for level in halves]
    method = trg_of(*floats, **ALL, global_temperature=0.05)
    halves[0][0].requires_grad_()
    expected = method.losses(step_of(*floats))
    with torch.autocast('cpu', torch.bfloat16):
        found = method.losses(step_of(*halves))
    for key, value in found.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, expected[key], rtol=1e-5, atol=1e-7)
    sum(found.values()).backward()
    assert halves[0][0].grad.dtype == dtype and halves[0][0].grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in method.parameters())


def test_teachers_are_weighted_and_have_layers_of_their_own():
    student, teacher = maps()
    step = step_of(student, teacher)
    step.lessons = step.lessons * 2
    method = trg_of(student, teacher, **ALL).double()
    once = method.losses(step_of(student, teacher))
    method.parts.append(method.parts[0])
    twice = method.losses(step)
    for key, value in once.items():
        torch.testing.assert_close(twice[key], 2 * value)


def test_options_reach_the_losses():
    method = TRG(num_neighbors=4, sigma=0.3, graph='teacher', softmax='edge', gather=True)
    graph, contrast = method.graph_loss, method.contrast_loss
    assert (graph.num_neighbors, graph.sigma, graph.graph, graph.softmax) == (4, 0.3, 'teacher', 'edge')
    assert graph.gather and contrast.gather
    assert not TRG().graph_loss.gather and not TRG().contrast_loss.gather


@pytest.mark.parametrize('arguments, message', [
    (dict(patch=0), 'patch=0, but it must be at least 1'),
    (dict(patch_form='mean'), "patch_form='mean', but it must be one of"),
    (dict(tokens_per_image=0), 'tokens_per_image=0'),
    (dict(max_tokens=0), 'max_tokens=0'),
    (dict(max_contextual_tokens=0), 'max_contextual_tokens=0'),
    (dict(contextual_size=0), 'contextual_size=0'),
    (dict(sigma='mean'), "sigma='mean', but it must be a number above 0 or 'median'"),
    (dict(sigma=0), 'sigma is 0, it must be greater than 0'),
    (dict(graph='both'), "graph is 'both'"),
    (dict(softmax='none'), "softmax is 'none'"),
    (dict(num_neighbors=0), 'num_neighbors is 0'),
    (dict(global_temperature=0), 'TRG.global_temperature is 0'),
    (dict(local_weight=-1), 'TRG.local_weight is -1'),
])
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        TRG(**arguments)
