"""What tests of services need: fakes, a clock to set, and the suites that every adapter must pass.

This package alone may import pytest, which souk_chassis does not depend on: only tests import it.
"""
