from mmkd.visualization.title import CHARACTER, lines, wrap


def test_titles_are_broken_where_the_room_ends():
    width = 12 * CHARACTER + 0.01
    assert wrap('prediction\na_name_without_spaces\n', width) == 'prediction\na_name_witho\nut_spaces'
    assert wrap('truth: one of several words', width) == 'truth: one\nof several\nwords'


def test_lines():
    assert [lines(title) for title in ('', 'a', 'a\nb')] == [0, 1, 2]
