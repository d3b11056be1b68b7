"""What every kernel stands on: checks, products, differentiation, padding, several devices.

It imports `kernels.contract` and `reference`, and no kernel.
"""
