"""What kernels stand on: products, opaque calls, sequences, tiles, several devices.

It imports `kernels.contract` and `reference`, and no kernel.
"""
