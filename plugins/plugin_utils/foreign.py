# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Variables that an image does not read, and what they are called there: those of another family or generation, and misspelt ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, Lacking, Setting
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import FAMILIES

# Where a name is in several lists, the one that most people have before their eyes says whose it is.
_USUAL_FIRST = sorted(FAMILIES, key=lambda family: (family.name != "gnzsnz-ibc", bool(family.build.refused)))

# Names that a container of anything can have.
_OF_ANYBODY = ("DISPLAY", "HOME", "PATH", "PGID", "PUID", "SERVER_ADDRESS", "SERVER_PORT", "TERM")

# What is read with both trading modes only, and what counts with one.
_OF_ONE_MODE = {"paper_user": "user", "paper_password": "password"}


@dataclass(frozen=True)
class Foreign:
    """A variable that counts for nothing here: whose it is, what stands for it, and why nothing does.

    `word` is the inventory's word for what it would set, `here` the variable that sets it in this image, `why` the reason that it is not
    read, or that there is none, as the end of a sentence.
    """

    name: str
    why: str
    of: Family | None = None
    word: str | None = None
    here: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.why}" + (f"; here it is {self.here}" if self.here else "")


def foreign(name: str, family: Family, environment: Mapping[str, str]) -> Foreign | None:
    """What is to say of a variable of a container of `family`; None where it is read, and where nobody knows it."""
    if name in _OF_ANYBODY or family.reads(name, environment):
        return None
    if name in family.variables:
        return _not_now(name, family)
    owner = next((other for other in _USUAL_FIRST if name in other.variables), None)
    return _of_another(name, family, owner) if owner else _misspelt(name, family)


def _not_now(name: str, family: Family) -> Foreign:
    """The family has it, and does not read it with what else is set."""
    known, word = family.variables[name], word_of(family, name)
    if known.only_both:
        counts = _OF_ONE_MODE.get(word or "")
        here = _named(family, counts, name) if counts else None
        return Foreign(name, "is read with both trading modes only", family, counts or word, here)
    by_file = "=".join(family.configured_by or ())
    return Foreign(name, f"is not read with {by_file}: {known.key} in the config.ini of your own counts", family, word)


def _of_another(name: str, family: Family, owner: Family) -> Foreign:
    word = word_of(owner, name)
    whose = f"is a variable of {owner.name}"
    here = (_named(family, word, name) if word else None) or _alike(name, family, owner)
    if here:
        return Foreign(name, whose, owner, word, here)
    setting = family.words.get(word or "")
    if isinstance(setting, Lacking):
        return Foreign(name, f"{whose}, and here {setting.reason}", owner, word)
    return Foreign(name, f"{whose}, and nothing stands for it here", owner, word)


def _named(family: Family, word: str, name: str) -> str | None:
    """The variable that has a word here, for one that named a file the one that does so."""
    setting = family.words.get(word)
    if not isinstance(setting, Setting):
        return None
    return (setting.file if name.endswith("_FILE") else None) or family.variable(word)


def _alike(name: str, family: Family, owner: Family) -> str | None:
    """The variable for which no word stands: the one that sets the same key, or has that name by hand or but for its capitals."""
    key = owner.variables[name].key
    same = (here for here, known in family.variables.items() if key and known.key == key)
    return next(same, None) or family.other_names.get(name) or _spelt(name, family)


def _misspelt(name: str, family: Family) -> Foreign | None:
    base = name.removesuffix("_FILE")
    if base != name and base in family.variables:
        return Foreign(
            name, "is read by no image, and this one takes no file for it", word=word_of(family, base), here=base
        )
    near = _spelt(name, family) or next(iter(get_close_matches(name, family.variables, 1, 0.85)), None)
    if near is None or near in _OF_ANYBODY:
        return None
    return Foreign(name, "is read by no image", word=word_of(family, near), here=near)


def _spelt(name: str, family: Family) -> str | None:
    """The variable with the same letters, whatever their case and what stands between them; also with the first controller's prefix."""
    wanted = _letters(name.replace("IBCONTROLLER_", "IBC_", 1))
    return next((here for here in family.variables if _letters(here) == wanted), None)


def _letters(name: str) -> str:
    return name.replace("_", "").lower()


def word_of(family: Family, name: str) -> str | None:
    """The inventory's word that a variable of a family has."""
    for word, setting in family.words.items():
        if isinstance(setting, Setting) and name in (*setting.variables, setting.file):
            return word
    return None
