"""The settings decide which provider is asked."""

import pytest

from souk_chassis.auth.keys import new_key
from souk_chassis.clock import SystemClock
from souk_chassis.config import ConfigError
from souk_chassis.runtimes.instance import Foundation
from souk_payments.bootstrap import build
from souk_payments.providers.sandbox import Sandbox
from souk_payments.providers.stripe import Stripe


def foundation(**environment: str) -> Foundation:
    return Foundation(SystemClock(), new_key("payments"), environment)


async def test_the_sandbox_is_the_default() -> None:
    instance = await build(foundation())
    assert isinstance(instance.deps.provider, Sandbox)
    await instance.close()


async def test_stripe_is_chosen_by_name_and_needs_a_key() -> None:
    instance = await build(foundation(SOUK_PAYMENT_PROVIDER="stripe", SOUK_STRIPE_KEY="sk_test_1"))
    assert isinstance(instance.deps.provider, Stripe)
    await instance.close()
    with pytest.raises(ConfigError, match="SOUK_STRIPE_KEY is not set"):
        await build(foundation(SOUK_PAYMENT_PROVIDER="stripe"))


async def test_another_provider_is_refused() -> None:
    with pytest.raises(ConfigError, match="SOUK_PAYMENT_PROVIDER"):
        await build(foundation(SOUK_PAYMENT_PROVIDER="piggybank"))
