"""Consent of people before arms move."""

from __future__ import annotations

from teleop.session.consent import Consent


def test_a_consent_is_good_for_one_motion():
    consent = Consent(given=True)
    assert consent.given
    consent.use()
    assert not consent.given
    consent.give()
    assert consent.given


def test_where_nobody_can_be_hurt_it_is_never_used_up():
    consent = Consent(unattended=True)
    consent.use()
    assert consent.given


def test_what_is_newer_counts_a_consent_or_a_fault():
    consent = Consent()
    assert consent.barred() == "nobody has said yet that people stand clear"
    consent.give()
    assert consent.barred() == ""
    consent.interrupt("the emergency stop was pressed")
    consent.interrupt("the left arm is not enabled")
    assert not consent.given
    assert consent.barred() == consent.why == "the emergency stop was pressed"
    assert consent.interruptions == 2
    consent.give()
    assert consent.given
    assert consent.why == ""


def test_what_was_wrong_before_the_first_consent_is_no_reason():
    consent = Consent()
    consent.interrupt("the head camera has sent nothing yet")
    assert not consent.given
    assert consent.why == ""
    assert consent.interruptions == 1


def test_unattended_nothing_ends_it():
    consent = Consent(unattended=True)
    consent.interrupt("the scene was reset")
    assert consent.given
    assert consent.barred() == ""
