"""Where this build is installed."""

import os

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE_DIR = os.path.dirname(HERE)
ROOT = os.path.dirname(PACKAGE_DIR)
DEV_MANIFEST = os.path.join(PACKAGE_DIR, "_slimwheel_dev", "manifest.json")
