"""Compares the books of all services: `souk audit`."""

from souk_topologies.audit.report import AuditReport, CheckResult
from souk_topologies.audit.run import audit

__all__ = ["AuditReport", "CheckResult", "audit"]
