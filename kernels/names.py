"""The names of all kernels. It imports nothing, for a command line must know them at once."""

# To add a kernel: write its file and a line here, the place of its `kernels.contract.Kernel`.
KERNELS = {
    "scan": "kernels.scan:KERNEL",
    "scan-autodiff": "kernels.scan:AUTODIFF",
    "unrolled": "kernels.unrolled:KERNEL",
    "unrolled-full": "kernels.unrolled:FULL",
    "native": "kernels.native:KERNEL",
    "pallas": "kernels.pallas:KERNEL",
    "mosaic": "kernels.mosaic:KERNEL",
    "triton": "kernels.triton:KERNEL",
}
