"""Consent of people before arms move."""

from __future__ import annotations

from teleop.session.consent import Consent


def test_a_consent_is_good_for_one_motion():
    consent = Consent()
    assert consent.given
    consent.use()
    assert not consent.given
    consent.give()
    assert consent.given


def test_where_nobody_can_be_hurt_it_is_never_used_up():
    consent = Consent(unattended=True)
    consent.use()
    assert consent.given
