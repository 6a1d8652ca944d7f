"""The whole check: what in the tree would break what is deployed, and what is to be known before it is deployed."""

from collections.abc import Sequence

from souk_topologies.releases.belongings import belonging_findings, protocol_findings
from souk_topologies.releases.calls import operation_findings
from souk_topologies.releases.document import document_findings
from souk_topologies.releases.findings import Finding, Sources
from souk_topologies.releases.migrations import migration_findings
from souk_topologies.releases.model import Release
from souk_topologies.releases.news import event_findings
from souk_topologies.releases.present import Migrations
from souk_topologies.releases.shapes import shape_findings


def findings(old: Release, new: Release, migrations: Migrations, sources: Sources) -> list[Finding]:
    """All findings: those that break something first. What breaks clients of the public API alone is none where the
    major version has risen."""
    found: list[Finding] = []
    for part in (operation_findings, event_findings, belonging_findings, protocol_findings, document_findings):
        found += part(old, new, sources)
    found += shape_findings(new, sources)
    found += migration_findings(old, migrations, sources)
    rises = new.version.major > old.version.major
    counted = [each for each in dict.fromkeys(found) if not (each.only_public and rises)]
    return sorted(counted, key=lambda each: (not each.breaks, each.where, each.what))


def breaks(found: Sequence[Finding]) -> list[Finding]:
    """Those that break something."""
    return [each for each in found if each.breaks]
