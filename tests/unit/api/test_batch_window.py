"""Places for requests of batches."""

from api.batch_window import Window


def test_a_tenant_alone_has_all_places_whatever_the_number_of_batches() -> None:
    window = Window(8, {"one": "a", "two": "a"})
    window.take("one", 6)

    assert window.room("two") == 2


def test_tenants_have_as_many_places_as_each_other_however_many_batches_they_have() -> None:
    window = Window(9, {"one": "a", "two": "a", "three": "b", "four": "c"})
    window.take("one", 3)

    assert [window.room(batch) for batch in ("one", "two", "three", "four")] == [0, 0, 3, 3]
    window.take("one", -2)
    assert [window.room(batch) for batch in ("one", "two", "three", "four")] == [2, 2, 3, 3]


def test_what_was_launched_before_another_tenant_came_counts_against_the_whole() -> None:
    window = Window(8, {"one": "a", "two": "b"})
    window.take("one", 7)

    assert (window.room("one"), window.room("two")) == (-3, 1)


def test_with_more_tenants_than_places_each_gets_one_in_turn() -> None:
    window = Window(2, {"one": "a", "two": "b", "three": "c"})
    window.take("one", 1)
    window.take("two", 1)

    assert [window.room(batch) for batch in ("one", "two", "three")] == [0, 0, 0]
