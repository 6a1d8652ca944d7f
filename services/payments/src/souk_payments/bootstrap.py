"""Builds the payments service from its settings: which store, which provider."""

from typing import Literal

from souk_chassis.config import Config, ConfigError, read_config
from souk_chassis.observability.logs import Log
from souk_chassis.resilience import Pipeline, Policy
from souk_chassis.runtimes.instance import Foundation, Instance, Round
from souk_chassis.runtimes.stores import open_store
from souk_chassis.storage.records import RecordStore
from souk_payments.manifest import service
from souk_payments.ports import PaymentProvider, Payments
from souk_payments.providers.sandbox import Sandbox
from souk_payments.providers.sandbox_books import SandboxBooks
from souk_payments.reconciler import ROUND_S, reconcile

POLICIES = {
    "sandbox": Policy(max_concurrent=1024, max_waiting=1024, attempts=2),
    "stripe": Policy(max_concurrent=256, max_waiting=1024, attempts=2, timeout_s=8.0, slow_call_s=6.0),
}
"""Whole batches of charges are under way at once; batches of refunds may stand in line behind. Banks take seconds."""


class PaymentsConfig(Config, frozen=True):
    """Settings, from SOUK_PAYMENT_PROVIDER and so on. The key is needed for Stripe alone."""

    payment_provider: Literal["sandbox", "stripe"] = "sandbox"
    stripe_key: str = ""
    stripe_url: str = "https://api.stripe.com"


async def build(base: Foundation) -> Instance:
    """The service, ready to run. Raises ConfigError."""
    config = read_config(PaymentsConfig, base.environment)
    store, queues = await open_store(base, service, __package__)
    provider = _provider(config, store)
    return Instance(
        manifest=service,
        deps=Payments(
            store, queues, provider, Pipeline("payment provider", POLICIES[config.payment_provider], base.clock)
        ),
        store=store,
        clock=base.clock,
        log=Log(service.label),
        rounds=[Round(reconcile, ROUND_S)],
        closers=(provider.close,),
    )


def _provider(config: PaymentsConfig, store: RecordStore) -> PaymentProvider:
    if config.payment_provider == "stripe":
        if not config.stripe_key:
            raise ConfigError("SOUK_STRIPE_KEY is not set, and SOUK_PAYMENT_PROVIDER is stripe")
        from souk_payments.providers.stripe import Stripe

        return Stripe(config.stripe_key, config.stripe_url)
    return Sandbox(SandboxBooks(store))
