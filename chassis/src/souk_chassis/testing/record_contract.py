"""The contract of records, as a class of tests: what every engine does. It runs on two samples of records."""
# ruff: noqa: S101 - a suite of tests: it asserts, and units of work fail in their blocks

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec import structs

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.record import MAX_KEY, MAX_RECORD
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.queues import Noted
from souk_chassis.testing.records import (
    Engine,
    Entry,
    Line,
    Mood,
    Review,
    add,
    delete,
    put,
    review,
    whole_list,
    work,
)


class RecordContract(Engine):
    """What every engine does."""

    async def test_records_are_found_as_they_were_given(self, store: Any, clock: ManualClock) -> None:
        first = review("a", clock, mood=Mood.GLAD, lines=(Line("x", 1), Line("y")))
        second = review("b", clock, stars=-7)
        assert await add(store, first, second) == {("p", "a"), ("p", "b")}
        assert await store.get(Review, [("p", "b"), ("p", "a"), ("p", "z")]) == {
            ("p", "a"): first,
            ("p", "b"): second,
        }
        assert await store.get(Review, []) == {}

    async def test_a_key_is_added_once(self, store: Any, clock: ManualClock) -> None:
        assert await add(store, review("a", clock), review("a", clock, stars=5)) == {("p", "a")}
        assert await add(store, review("a", clock, stars=1), review("b", clock)) == {("p", "b")}
        assert (await store.get(Review, [("p", "a")]))[("p", "a")].stars == 3

    async def test_parts_of_a_key_are_not_mixed_up(self, store: Any, clock: ManualClock) -> None:
        for product_id, customer_id in [("a#b", "c"), ("a", "b#c"), ("a", "b"), ("a|", "b")]:
            assert await add(store, review(customer_id, clock, product_id=product_id))
        assert len(await whole_list(store, Review.every)) == 4

    async def test_a_unit_sees_what_it_has_done(self, store: Any, clock: ManualClock) -> None:
        async def does(unit: Any) -> None:
            assert await unit.add([review("a", clock)])
            assert not await unit.add([review("a", clock, stars=1)])
            unit.put(review("a", clock, stars=4))
            assert (await unit.get(Review, [("p", "a")]))[("p", "a")].stars == 4
            unit.delete(Review, [("p", "a")])
            assert await unit.get(Review, [("p", "a")]) == {}
            unit.put(review("b", clock))

        await work(store, does)
        assert list(await store.get(Review, [("p", "a"), ("p", "b")])) == [("p", "b")]

    async def test_what_fails_leaves_nothing(self, store: Any, clock: ManualClock) -> None:
        await add(store, review("a", clock))
        with suppress(ZeroDivisionError):
            async with store.unit() as unit:
                assert await unit.add([review("b", clock)])
                unit.put(review("a", clock, stars=1))
                unit.publish(Noted(note="n"), TRACEPARENT)
                raise ZeroDivisionError
        assert (await store.get(Review, [("p", "a"), ("p", "b")])) == {("p", "a"): review("a", clock)}
        assert await store.outbox_size() == 0

    async def test_events_are_kept_with_the_records(self, store: Any, clock: ManualClock) -> None:
        async def does(unit: Any) -> None:
            await unit.add([review("a", clock)])
            unit.publish(Noted(note="n"), TRACEPARENT)

        await work(store, does)
        assert await store.outbox_size() == 1

    async def test_a_record_is_put_and_deleted_with_or_without_being_read(self, store: Any, clock: ManualClock) -> None:
        await put(store, review("a", clock), review("b", clock))
        await put(store, review("a", clock, stars=1))
        assert [each.stars for each in await whole_list(store, Review.every)] == [1, 3]
        await delete(store, Review, ("p", "a"), ("p", "nobody"))
        assert [each.customer_id for each in await whole_list(store, Review.every)] == ["b"]

    async def test_units_at_once_lose_no_change(self, store: Any, clock: ManualClock) -> None:
        await add(store, review("a", clock, stars=0))

        async def count() -> None:
            async def does(unit: Any) -> None:
                known = (await unit.get(Review, [("p", "a")]))[("p", "a")]
                await asyncio.sleep(0)
                unit.put(structs.replace(known, stars=known.stars + 1))

            await work(store, does)

        await asyncio.gather(*(count() for _ in range(6)))
        assert (await store.get(Review, [("p", "a")]))[("p", "a")].stars == 6

    async def test_of_many_who_add_at_once_one_is_first(self, store: Any, clock: ManualClock) -> None:
        added = await asyncio.gather(*(add(store, review("a", clock, stars=number)) for number in range(6)))
        assert sorted(map(len, added)) == [0] * 5 + [1]

    async def test_what_a_unit_has_read_stays_so_until_it_ends(self, store: Any, clock: ManualClock) -> None:
        """A unit decides by one record what it writes into another."""
        await add(store, review("a", clock, stars=1), review("b", clock, stars=0))

        async def copy() -> None:
            async def does(unit: Any) -> None:
                known = await unit.get(Review, [("p", "a"), ("p", "b")])
                await asyncio.sleep(0)
                unit.put(structs.replace(known[("p", "b")], stars=known[("p", "a")].stars))

            await work(store, does)

        async def change() -> None:
            async def does(unit: Any) -> None:
                known = await unit.get(Review, [("p", "a"), ("p", "b")])
                if known[("p", "b")].stars == 0:
                    unit.put(structs.replace(known[("p", "a")], stars=9))

            await work(store, does)

        await asyncio.gather(copy(), change())
        known = await store.get(Review, [("p", "a"), ("p", "b")])
        assert (known[("p", "a")].stars, known[("p", "b")].stars) in {(1, 1), (9, 9)}

    # --- lists

    async def test_a_list_is_in_its_order(self, store: Any, clock: ManualClock) -> None:
        ages = {"a": 3, "b": 1, "c": 2, "d": 1, "e": 100_000}
        await add(store, *(review(name, clock, age) for name, age in ages.items()))
        await add(store, review("z", clock, product_id="other"))
        newest = await whole_list(store, Review.by_product, "p")
        assert [each.customer_id for each in newest] == ["d", "b", "c", "a", "e"]
        assert await whole_list(store, Review.by_product, "none") == []

    async def test_numbers_and_keys_sort_as_such(self, store: Any, clock: ManualClock) -> None:
        stars = {"a": 10, "b": 9, "c": -10, "d": -9, "e": 0, "B": 9}
        await add(store, *(review(name, clock, stars=number) for name, number in stars.items()))
        assert [each.customer_id for each in await whole_list(store, Review.by_stars)] == ["c", "d", "e", "B", "b", "a"]

    async def test_a_list_without_an_order_is_in_the_keys_order(self, store: Any, clock: ManualClock) -> None:
        names = ["b", "a!", "a", "a-", "Z", "ä", "aa"]
        await add(store, *(review(name, clock) for name in names))
        assert [each.customer_id for each in await whole_list(store, Review.every, limit=3)] == sorted(names)

    async def test_what_lacks_a_field_is_in_no_list_of_it(self, store: Any, clock: ManualClock) -> None:
        await add(store, *(review(f"{n:02}", clock, stars=n, mood=Mood.GLAD if n % 2 else None) for n in range(40)))
        assert [each.stars for each in await whole_list(store, Review.by_mood, Mood.GLAD, limit=7)] == [
            *range(1, 40, 2)
        ]
        assert await whole_list(store, Review.by_mood, Mood.SORRY) == []
        await put(store, review("01", clock, stars=1), review("02", clock, stars=2, mood=Mood.GLAD))
        assert [each.stars for each in await whole_list(store, Review.by_mood, Mood.GLAD)][:2] == [2, 3]

    async def test_a_list_ends_before_a_bound(self, store: Any, clock: ManualClock) -> None:
        await add(store, *(review(f"{age:02}", clock, age // 2, stars=age // 2) for age in range(20)))
        newest = await whole_list(store, Review.by_product, "p", until=clock.now() - timedelta(seconds=3))
        assert [each.stars for each in newest] == [0, 0, 1, 1, 2, 2]
        assert [each.stars for each in await whole_list(store, Review.by_stars, until=2)] == [0, 0, 1, 1]

    async def test_a_record_that_goes_or_moves_ends_no_list(self, store: Any, clock: ManualClock) -> None:
        await add(store, *(review(f"{n}", clock, stars=n) for n in range(9)))
        page = await store.page(Review.by_stars, limit=3)
        assert [each.stars for each in page.items] == [0, 1, 2]
        await delete(store, Review, ("p", "2"), ("p", "3"))
        await put(store, review("4", clock, stars=40), review("1", clock, stars=-1))
        page = await store.page(Review.by_stars, cursor=page.next, limit=4)
        assert [each.stars for each in page.items] == [5, 6, 7, 8]
        page = await store.page(Review.by_stars, cursor=page.next, limit=4)
        assert ([each.stars for each in page.items], page.next) == ([40], None)

    async def test_a_position_can_be_made_of_a_record(self, store: Any, clock: ManualClock) -> None:
        await add(store, *(review(f"{n}", clock, stars=n) for n in range(4)))
        seen = Review.by_stars.cursor(review("1", clock, stars=1))
        assert [each.stars for each in (await store.page(Review.by_stars, cursor=seen)).items] == [2, 3]

    async def test_a_list_can_be_read_from_before_its_first_record(self, store: Any) -> None:
        await add(store, Entry(entry_id="a", owner="x", ends_at=None))
        page = await store.page(Entry.every, cursor=Entry.every.after(""))
        assert [each.entry_id for each in page.items] == ["a"]

    async def test_a_cursor_of_another_list_is_refused(self, store: Any, clock: ManualClock) -> None:
        given = review("a", clock)
        for cursor in ["", "x", "!!!", "W10", Review.every.cursor(given), Review.by_product.cursor(given) + "x", "é"]:
            with pytest.raises(SoukError) as caught:
                await store.page(Review.by_stars, cursor=cursor)
            assert (caught.value.kind, caught.value.code) == (ErrorKind.INVALID, "invalid_cursor")

    async def test_a_question_that_no_list_answers_is_a_mistake(self, store: Any) -> None:
        with pytest.raises(ValueError, match="lists by product_id"):
            await store.page(Review.by_product)
        with pytest.raises(ValueError, match="lists by product_id"):
            await store.page(Review.by_product, None)
        with pytest.raises(ValueError, match="no other bound"):
            await store.page(Review.every, until="a")
        with pytest.raises(ValueError, match="a page of 0"):
            await store.page(Review.every, limit=0)

    # --- unique values

    async def test_a_unique_value_is_found_and_added_once(self, store: Any, clock: ManualClock) -> None:
        await add(store, review("a", clock, slug="one"))
        assert await add(store, review("b", clock, slug="one"), review("c", clock, slug="two")) == {("p", "c")}
        assert (await store.find(Review.by_slug, "one")).customer_id == "a"
        assert await store.find(Review.by_slug, "none") is None
        assert await add(store, review("d", clock), review("e", clock)) == {("p", "d"), ("p", "e")}

    async def test_of_records_added_together_one_gets_the_value(self, store: Any, clock: ManualClock) -> None:
        assert len(await add(store, review("a", clock, slug="one"), review("b", clock, slug="one"))) == 1
        added = await asyncio.gather(*(add(store, review(f"c{n}", clock, slug="two")) for n in range(5)))
        assert sorted(map(len, added)) == [0] * 4 + [1]

    async def test_a_unique_value_is_free_when_its_record_lets_go(self, store: Any, clock: ManualClock) -> None:
        await add(store, review("a", clock, slug="one"), review("b", clock, slug="two"))
        with pytest.raises(SoukError) as caught:
            await put(store, review("b", clock, slug="one"))
        assert (caught.value.kind, caught.value.code) == (ErrorKind.CONFLICT, "not_unique")
        await put(store, review("a", clock, slug="three"))
        assert await store.find(Review.by_slug, "one") is None
        await put(store, review("b", clock, slug="one"))
        assert (await store.find(Review.by_slug, "one")).customer_id == "b"
        await delete(store, Review, ("p", "b"))
        assert await add(store, review("c", clock, slug="one"))

    async def test_a_unit_can_hand_a_unique_value_on(self, store: Any, clock: ManualClock) -> None:
        await add(store, review("a", clock, slug="one"))

        async def does(unit: Any) -> None:
            unit.delete(Review, [("p", "a")])
            assert await unit.add([review("b", clock, slug="one")])

        await work(store, does)
        assert (await store.find(Review.by_slug, "one")).customer_id == "b"

    # --- expiry

    async def test_what_has_expired_is_gone_for_every_read(self, store: Any, clock: ManualClock) -> None:
        ends = clock.now() + timedelta(seconds=10)
        await add(store, Entry(entry_id="a", owner="x", ends_at=ends), Entry(entry_id="b", owner="y", ends_at=None))
        clock.advance(9.9)
        assert set(await store.get(Entry, ["a", "b"])) == {"a", "b"}
        assert not await add(store, Entry(entry_id="c", owner="x", ends_at=None))
        clock.advance(0.1)
        assert set(await store.get(Entry, ["a", "b"])) == {"b"}
        assert (await store.page(Entry.by_owner, "x")).items == ()
        assert await store.find(Entry.by_holder, "x") is None

        async def read(unit: Any) -> Any:
            return await unit.get(Entry, ["a"])

        assert await work(store, read) == {}

    async def test_what_has_expired_stands_in_nobodys_way(self, store: Any, clock: ManualClock) -> None:
        await add(store, Entry(entry_id="a", owner="x", ends_at=clock.now()))
        later = clock.now() + timedelta(seconds=10)
        assert await add(store, Entry(entry_id="b", owner="x", ends_at=later)) == {"b"}
        assert await add(store, Entry(entry_id="a", owner="z", ends_at=later)) == {"a"}
        assert (await store.find(Entry.by_holder, "x")).entry_id == "b"

    # --- limits

    async def test_a_record_that_is_too_large_is_refused(self, store: Any, clock: ManualClock) -> None:
        room = MAX_RECORD - len(msgspec.json.encode(review("a", clock, lines=(Line(""),))))
        await add(store, review("a", clock, lines=(Line("x" * room),)))
        for write in (add, put):
            with pytest.raises(SoukError) as caught:
                await write(store, review("b", clock, lines=(Line("x" * (room + 1)),)))
            assert (caught.value.kind, caught.value.code) == (ErrorKind.INVALID, "record_too_large")
        assert await store.get(Review, [("p", "b")]) == {}

    async def test_a_key_that_is_too_long_or_empty_is_refused(self, store: Any, clock: ManualClock) -> None:
        with pytest.raises(SoukError, match="record_too_large"):
            await add(store, review("x" * MAX_KEY, clock))
        with pytest.raises(SoukError, match="invalid_key"):
            await add(store, review("", clock))

    async def test_a_character_that_no_database_takes_is_refused(self, store: Any, clock: ManualClock) -> None:
        with pytest.raises(SoukError, match="invalid_text"):
            await add(store, review("a", clock, lines=(Line("a\0b"),)))
        assert await add(store, review("a", clock, lines=(Line("a\\u0000b"),)))
