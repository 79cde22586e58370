"""A project's networks, for tests of portable models. Valid Python 3.6."""
