"""Shouted descriptions become names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souk_topologies.data.naming import readable_name


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "White hanging heart t-light holder"),
        ("6 RIBBONS ELEGANT CHRISTMAS ", "6 ribbons elegant Christmas"),
        ("IVORY HANGING DECORATION  HEART", "Ivory hanging decoration heart"),
        ("DECORATION , WOBBLY RABBIT , METAL", "Decoration, wobbly rabbit, metal"),
        ("ANGEL,PINK", "Angel, pink"),
        ("S/4 BLACK MINI ROSE CANDLE IN BOWL", "S/4 black mini rose candle in bowl"),
        ("SET/6 EAU DE NIL BIRD T-LIGHTS", "Set/6 eau de nil bird t-lights"),
        ('LETTER "A" BLING KEY RING', 'Letter "A" bling key ring'),
        ('"KEEP CALM" SIGN', '"Keep calm" sign'),
        ("RED TOADSTOOL LED NIGHT LIGHT", "Red toadstool LED night light"),
        ("GOLD M.O.P ORBIT BRACELET", "Gold M.O.P orbit bracelet"),
        ("A4 PAD I LOVE LONDON", "A4 pad I love London"),
        ("50'S CHRISTMAS JEAN-PAUL", "50's Christmas Jean-Paul"),
        ("FLOWERS HANDBAG blue and orange", "Flowers handbag blue and orange"),
        ("3 TRADITIONAl BISCUIT CUTTERS  SET", "3 traditional biscuit cutters set"),
        ("*USB Office Mirror Ball", "USB Office Mirror Ball"),
        ("Dr. Jam's Arouzer Stress Ball", "Dr. Jam's Arouzer Stress Ball"),
        ("GIFT VOUCHER \N{POUND SIGN}10.00", "Gift voucher \N{POUND SIGN}10.00"),
        ("", ""),
    ],
)
def test_readable(description: str, name: str) -> None:
    assert readable_name(description) == name


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_no_letter_or_digit_is_lost(description: str) -> None:
    name = readable_name(description)
    kept = [c for c in description.lower() if c.isalnum()]
    assert [c for c in name.lower() if c.isalnum()] == kept
    assert "  " not in name
