"""The one way to a dependency: deadline, bulkhead, retry, breaker and fallback, in that order, for every call."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import TypeVar

from souk_chassis.clock import Clock
from souk_chassis.errors import ErrorKind, SoukError, timeout_unknown, unavailable
from souk_chassis.resilience.attempt import Abandoned, OverrunError, Work, run_until
from souk_chassis.resilience.breaker import ANSWERED, FAILED, SILENT, Breaker, Verdict
from souk_chassis.resilience.bulkhead import Bulkhead
from souk_chassis.resilience.deadline import SYSTEM_CLOCK, Deadline
from souk_chassis.resilience.policy import Policy
from souk_chassis.resilience.retry import RetryBudget, may_repeat, pause_s
from souk_chassis.resilience.snapshot import Counters, PipelineSnapshot

T = TypeVar("T")


class _NotSentError(Exception):
    """This side's own refusal. A type apart, as the work may raise the same kind and code from a pipeline within."""

    def __init__(self, error: SoukError) -> None:
        super().__init__(error)
        self.error = error


class Pipeline:
    """Calls to one dependency, from one event loop."""

    def __init__(
        self, name: str, policy: Policy | None = None, clock: Clock = SYSTEM_CLOCK, random: Random | None = None
    ) -> None:
        self.name = name
        self.policy = policy = policy or Policy()
        self._clock = clock
        self._random = random = random or Random()  # noqa: S311 - jitter needs no secrecy
        self._breaker = Breaker(policy, clock, random)
        self._bulkhead = Bulkhead(policy.max_concurrent, policy.max_waiting)
        self._budget = RetryBudget(policy)
        self._abandoned = Abandoned()
        self._counters = Counters()

    async def call(
        self,
        work: Work[T],
        *,
        deadline: Deadline | None = None,
        idempotent: bool,
        fallback: Callable[[SoukError], T] | None = None,
    ) -> T:
        """Do the work, within the policy.

        `work` gets the deadline of its attempt, and is started anew for each. `deadline` bounds the whole call;
        without one the call takes at most `attempts` times `timeout_s`, and the pauses between.

        Raises what the work raises. A `ConnectionError` or `TimeoutError` of the work becomes a SoukError. Raises
        SoukError `unavailable` where nothing was sent or nothing happened, `timeout_unknown` where any attempt may
        have happened. A non-idempotent call is retried only where nothing happened. `fallback` makes the answer
        instead when the dependency could not give one; a refusal of the caller's mistake is raised all the same.

        Work that runs in a thread must not end, cancelled or not, before its thread has: its slot would be given away.
        """
        self._counters.calls += 1
        try:
            return await self._persist(work, deadline, idempotent)
        except SoukError as error:
            if fallback is None or not error.rule.retryable:
                raise
            self._counters.fell_back += 1
            return fallback(error)

    def blame(self) -> None:
        """Count a failure of the dependency that showed only after a call had its answer: one that broke off."""
        self._counters.failed += 1
        self._breaker.blame()

    def snapshot(self) -> PipelineSnapshot:
        """State and counters now."""
        breaker, counters, window = self._breaker, self._counters, self._breaker.window
        return PipelineSnapshot(
            name=self.name,
            state=breaker.state,
            retry_after_s=breaker.retry_after_s,
            times_opened=breaker.times_opened,
            window_total=window.total,
            window_failed=window.failed,
            window_slow=window.slow,
            in_use=self._bulkhead.in_use,
            waiting=self._bulkhead.waiting,
            abandoned=len(self._abandoned),
            retry_tokens=self._budget.tokens,
            calls=counters.calls,
            sent=counters.sent,
            answered=counters.answered,
            failed=counters.failed,
            timed_out=counters.timed_out,
            retried=counters.retried,
            refused_by_bulkhead=counters.refused_by_bulkhead,
            refused_by_breaker=counters.refused_by_breaker,
            out_of_time=counters.out_of_time,
            fell_back=counters.fell_back,
        )

    async def _persist(self, work: Work[T], deadline: Deadline | None, idempotent: bool) -> T:
        self._budget.deposit()
        attempt = 1
        unknown: SoukError | None = None
        while True:
            try:
                return await self._attempt(work, deadline)
            except _NotSentError as refusal:
                raise unknown or refusal.error from None
            except SoukError as error:
                if error.kind is ErrorKind.TIMEOUT_UNKNOWN:
                    unknown = error
                wait_s = (
                    self._wait_before_retry(error, attempt, deadline)
                    if may_repeat(error, idempotent=idempotent)
                    else None
                )
                if wait_s is None:
                    # One attempt that may have happened makes the call one, unless a later one got a real answer.
                    if unknown is None or unknown is error or not error.rule.retryable:
                        raise
                    raise unknown from error
            await asyncio.sleep(wait_s)
            attempt += 1
            self._counters.retried += 1

    def _wait_before_retry(self, error: SoukError, attempt: int, deadline: Deadline | None) -> float | None:
        """Seconds to wait before the next attempt, None if there shall be none."""
        if attempt >= self.policy.attempts:
            return None
        wait_s = pause_s(self.policy, attempt, self._random, error.retry_after_s)
        if wait_s is None or (deadline is not None and wait_s >= deadline.remaining_s):
            return None
        return wait_s if self._budget.withdraw() else None

    async def _attempt(self, work: Work[T], deadline: Deadline | None) -> T:
        policy = self.policy
        limit = (
            Deadline.after(policy.timeout_s, self._clock) if deadline is None else deadline.tighten(policy.timeout_s)
        )
        short = limit is deadline
        if not self._bulkhead.try_enter():
            short = True
            await self._wait_for_slot(limit)
        permit = self._take_permit(limit)
        self._counters.sent += 1
        sent_s = self._clock.monotonic()
        verdict: Verdict = SILENT
        try:
            result = await run_until(limit, work, self._bulkhead.leave, self._abandoned)
            verdict = ANSWERED
        except OverrunError:
            self._counters.timed_out += 1
            # Given less time than a call may rightly take, the dependency is not to blame.
            if not short or limit.at_s - sent_s >= policy.slow_call_s:
                verdict = FAILED
            raise timeout_unknown("no_answer_in_time", f"{self.name} gave no answer in time.") from None
        except SoukError as error:
            verdict = FAILED if error.rule.breaker_counts else ANSWERED
            raise
        except (ConnectionError, TimeoutError) as error:
            verdict = FAILED
            raise self._lost(error) from error
        except Exception:
            verdict = FAILED
            raise
        finally:
            self._settle(permit, verdict, sent_s)
        return result

    async def _wait_for_slot(self, limit: Deadline) -> None:
        # Asked before standing in line too: whoever would be refused at the end of it need not wait.
        refusal = self._breaker.refusal()
        if refusal is not None:
            self._counters.refused_by_breaker += 1
            raise _NotSentError(refusal)
        try:
            await self._bulkhead.enter(limit)
        except SoukError as full:
            self._counters.refused_by_bulkhead += 1
            raise _NotSentError(full) from None

    def _take_permit(self, limit: Deadline) -> int:
        """The breaker's permit for an attempt that holds a slot; the slot is given back if there is none."""
        try:
            limit.check(sent=False)
        except SoukError as late:
            self._bulkhead.leave()
            self._counters.out_of_time += 1
            raise _NotSentError(late) from None
        try:
            return self._breaker.admit()
        except SoukError as refusal:
            self._bulkhead.leave()
            self._counters.refused_by_breaker += 1
            raise _NotSentError(refusal) from None

    def _settle(self, permit: int, verdict: Verdict, sent_s: float) -> None:
        if verdict is ANSWERED:
            self._counters.answered += 1
        elif verdict is FAILED:
            self._counters.failed += 1
        self._breaker.settle(permit, verdict, self._clock.monotonic() - sent_s)

    def _lost(self, error: OSError) -> SoukError:
        """What a broken connection means: only a refused one is sure not to have carried the request."""
        if isinstance(error, ConnectionRefusedError):
            return unavailable("connection_refused", f"{self.name} cannot be reached.")
        return timeout_unknown("connection_lost", f"The connection to {self.name} was lost before an answer came.")
