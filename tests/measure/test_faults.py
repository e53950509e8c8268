"""The rules of advice on made-up measures: each can fire and be silent, and a good edit has nothing to mend."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest

from inkover.attention.words import Tokens
from inkover.measure.advice import cures
from inkover.measure.advice.advised import measures
from inkover.measure.advice.faults import RULES, Limit, Measures, Rule, found, told
from inkover.measure.advice.phrasing import Phrasing
from inkover.measure.advice.phrasing import read as read_phrasing
from inkover.measure.advice.signs import Signs

GOOD: dict[str, float | None] = {
    "covered": 0.9, "missed": 0.0, "spilled": 0.0, "clipped": 0.0, "harsh": 0.0, "bounded": 1.0, "turned": 1.0,
    "strange": 0.1, "clip_turned_near": 0.6, "lost": 0.5, "orders": 0.0, "telling": 1.0, "fullness": 0.4,
    "unknown": 0.0,
}  # fmt: skip


def beyond(limit: Limit) -> float:
    """Return a value that leaves no doubt."""
    return limit.value + limit.span * (1 if limit.side == "above" else -1)


def names(figures: Measures) -> list[str]:
    return [one.rule.fault for one in found(figures)]


def test_a_good_edit_has_nothing_to_mend() -> None:
    assert found(GOOD) == ()


def test_what_is_not_known_tells_of_nothing() -> None:
    assert found(dict.fromkeys(GOOD)) == () and found({}) == ()


CASES = [(rule, k) for rule in RULES for k in range(len(rule.signs))]


@pytest.mark.parametrize(("rule", "k"), CASES, ids=[f"{rule.fault}-{k}" for rule, k in CASES])
def test_each_set_of_limits_tells_when_all_are_crossed_and_not_before(rule: Rule, k: int) -> None:
    alone = replace(rule, signs=(rule.signs[k],))
    crossed = GOOD | {limit.measure: beyond(limit) for limit in rule.signs[k]}
    one = told(alone, crossed)
    assert one is not None and one.confidence == 1 and one.because == rule.signs[k] and one.aim[0] in rule.aim
    assert found(crossed), "and so there is something to mend"
    for limit in rule.signs[k]:
        assert told(alone, crossed | {limit.measure: limit.value}) is None
        assert told(alone, crossed | {limit.measure: None}) is None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.fault}: {rule.says}")
def test_a_rule_is_told_first_by_measures_that_cross_it_alone(rule: Rule) -> None:
    assert any(
        found(GOOD | {limit.measure: beyond(limit) for limit in limits})[0].rule is rule for limits in rule.signs
    )


@pytest.mark.parametrize(("rule", "k"), CASES, ids=[f"{rule.fault}-{k}" for rule, k in CASES])
def test_confidence_grows_with_the_distance(rule: Rule, k: int) -> None:
    alone, last = replace(rule, signs=(rule.signs[k],)), 0.0
    for share in (0.1, 0.5, 1.0, 3.0):
        figures = GOOD | {one.measure: one.value + share * (beyond(one) - one.value) for one in rule.signs[k]}
        one = told(alone, figures)
        assert one is not None and max(0.5, last) <= one.confidence <= 1
        last = one.confidence


def test_what_follows_from_a_fault_is_not_told_beside_it() -> None:
    assert names(GOOD | {"orders": 1.0, "spilled": 0.9, "unknown": 2.0}) == ["unclear"]
    assert names(GOOD | {"spilled": 0.9, "lost": 20.0, "bounded": 0.0}) == ["unfaithful"]
    assert names(GOOD | {"spilled": 0.9, "bounded": 0.0}) == ["drift"]
    assert names(GOOD | {"spilled": 0.9}) == ["bleeding"]


def test_a_rule_hides_only_what_is_looked_for_after_it() -> None:
    for k, rule in enumerate(RULES):
        assert {*rule.hides} <= {later.fault for later in RULES[k + 1 :]}, rule.fault


def test_two_faults_of_a_text_are_both_told() -> None:
    assert names(GOOD | {"fullness": 1.0, "unknown": 1.0}) == ["undrawable", "long"]


def test_every_rule_looks_at_measures_that_there_are_and_has_a_cure() -> None:
    signs = Signs(**{one.name: 0 for one in fields(Signs)})  # type: ignore[arg-type]  # any number will do
    said = read_phrasing(Tokens("a ball", (0, 1, 2, 3), ((0, 0), (0, 1), (2, 6), (0, 0))))
    known = measures(signs, said).keys()
    assert GOOD.keys() <= known
    for rule in RULES:
        assert {limit.measure for signs_ in rule.signs for limit in signs_} <= known and rule.aim.keys() <= known
        assert rule.fault in cures.CURES and rule.why and rule.says.endswith(".")
    assert {rule.fault for rule in RULES} == cures.CURES.keys()


def test_a_value_at_its_limit_is_not_beyond_it() -> None:
    limit = Limit("x", "above", 0.5, 0.2)
    assert limit.crossed({"x": 0.5}) is None and limit.crossed({}) is None
    assert math.isclose(limit.crossed({"x": 0.6}) or 0, 0.5) and limit.crossed({"x": 9.0}) == 1


def test_measures_hold_what_the_text_says() -> None:
    said = Phrasing(tokens=19, window=38, unknown=("elephant",), vague=(), order="make", telling=0.5)
    signs = Signs(**{one.name: None for one in fields(Signs)})  # type: ignore[arg-type]
    figures = measures(signs, said)
    assert (figures["fullness"], figures["unknown"], figures["orders"], figures["telling"]) == (0.5, 1, 1, 0.5)
    assert figures["covered"] is None
