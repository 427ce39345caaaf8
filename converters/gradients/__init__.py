"""The backward pass of a conversion against PyTorch's: gradients of the input and of every parameter."""

from converters.gradients.check import GradientCheck, GradientVerification, check_gradients, summary, verify_gradients

__all__ = ["GradientCheck", "GradientVerification", "check_gradients", "summary", "verify_gradients"]
