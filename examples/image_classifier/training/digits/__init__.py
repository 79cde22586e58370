"""A network that reads hand-written digits."""

from .network import Classifier

__all__ = ["Classifier"]
