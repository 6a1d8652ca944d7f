"""The shop of functions that Terraform has made on the emulator, for the tests."""

from dataclasses import dataclass
from pathlib import Path

from souk_topologies.aws_local.shop import Emulated
from souk_topologies.aws_local.terraform import Terraform


@dataclass(frozen=True)
class EmulatedShop:
    """A shop that stands: how it was made, and the folder with its keys."""

    made: Emulated
    data_dir: Path
    terraform: Terraform
    """With its state."""

    @property
    def endpoint(self) -> str:
        """The emulator's address."""
        return self.made.endpoint

    @property
    def api(self) -> str:
        """The address of the shop's API."""
        return self.made.api
