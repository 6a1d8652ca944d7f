"""Makes the shouted names of the trade history readable: nobody wants a page of `WHITE METAL LANTERN`."""

import re

_KEPT_SHORT = ("3D", "ABC", "BBQ", "CD", "D.O.F", "DVD", "I", "I'M", "LED", "M.O.P", "TV", "UK", "USB", "VIP", "WC")
_PROPER = """
    AFGHAN AMELIE ANTOINETTE BERTIE BOUDICCA BUDDHA CARLO CHARLIE CHARLOTTE CHINESE CHRISTMAS CINDERELLA
    COLUMBIAN CZECH DANISH DUTCH EASTER EDWARDIAN ELVIS EMILY ENGLAND ENGLISH FRENCH GEORGIAN GORDON HALLOWEEN
    HAWAIIAN HAYNES HILDA JACK JEAN-PAUL KASHMIR KASHMIRI KENSINGTON LAS LOLA LOLITA LONDON MADELINE MADRAS
    MAO MARIE MAXWELL MEXICAN MOLLY MONTANA MONTE MOROCCAN MORRIS MR MRS MURANO NANCY NICOLE NILE NOEL OLIVIA
    OLLIE PARIS PARISIENNE POPPY'S PORTOBELLO PROVENCE PURDEY RIVIERA ROMAN ROSIE RUSSIAN SANTA SANTAS SAVOY
    SCANDINAVIAN SUKI SUSAN SWISS TAHITI TIGRIS TOKYO TROPEZ UNION VALENTINE VEGAS VICTORIAN WILLIE WINKIE
    XMAS
"""
_WORDS = {word: word for word in _KEPT_SHORT} | {
    word: "-".join(part.capitalize() for part in word.split("-")) for word in _PROPER.split()
}

_WORD = re.compile(r"(?:[A-Z]\.)+[A-Z]|[A-Z0-9]+(?:['-][A-Z0-9]+)*")
_PAPER_SIZE = re.compile(r"A[3-7]")
_COMMA = re.compile(r"\s*,\s*")
_SPACES = re.compile(r"\s+")
_QUOTED_LETTER = re.compile(r'"([a-z])"')
_SET_OF = re.compile(r"^s/(?=[0-9])")


def readable_name(description: str) -> str:
    """Write a description in sentence case.

    White space is collapsed, commas are spaced, marks at the ends go, proper names and abbreviations keep their
    capitals. A name that is mostly in small letters already is only tidied. Empty stays empty.
    """
    tidy = _SPACES.sub(" ", _COMMA.sub(", ", description)).strip(" ,.+*-")
    if sum(c.islower() for c in tidy) > sum(c.isupper() for c in tidy):
        return tidy
    lowered = _WORD.sub(lambda match: _word(match[0]), tidy.upper())
    named = _SET_OF.sub("S/", _QUOTED_LETTER.sub(lambda match: match[0].upper(), lowered))
    start = 1 if named.startswith('"') else 0
    return named[:start] + named[start : start + 1].upper() + named[start + 1 :]


def _word(word: str) -> str:
    return word if _PAPER_SIZE.fullmatch(word) else _WORDS.get(word, word.lower())
