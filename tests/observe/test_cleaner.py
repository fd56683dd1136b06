from shuttle.core.mask import Mask
from shuttle.observe.cleaner import Cleaner


def test_text_is_masked_and_escaped() -> None:
    assert Cleaner(Mask(["zq9secret"]))("\x1b[31mzq9secret\n") == r"\x1b[31m***\n"


def test_a_credential_that_is_learned_later_is_masked_in_a_text_that_was_clean() -> None:
    mask = Mask(["zq9secret"])
    clean = Cleaner(mask)
    assert clean("/logs/another-one") == "/logs/another-one"
    mask.learn(["another-one"])
    assert clean("/logs/another-one") == "/logs/***"
