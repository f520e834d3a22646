"""What each kind of ref may say, and nothing else is believed."""

from __future__ import annotations

import pytest

from mreg.refs.keys import LinkKey
from mreg.refs.ref_files import DamagedRef
from mreg.refs.view import link_target


@pytest.mark.parametrize("target", ["../../x:v0", "a/b:v0", ".hidden:v0", ":v0"])
def test_a_link_to_what_is_no_name_is_damage(target: str) -> None:
    with pytest.raises(DamagedRef):
        link_target(LinkKey("m", 0), f"{target} {'0' * 64}")
