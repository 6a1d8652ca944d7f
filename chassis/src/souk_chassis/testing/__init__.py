"""What tests of services need: fakes, a clock to set, and the suites that every adapter must pass."""
