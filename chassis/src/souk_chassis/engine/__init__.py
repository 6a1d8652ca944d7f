"""What moves calls and events: dispatch, the one batch handler, the worker, the relay, the intake from SQS."""
