"""Tests of slimwheel.publish."""
