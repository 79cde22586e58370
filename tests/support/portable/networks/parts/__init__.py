from .blocks import Residual

__all__ = ["Residual"]
