"""What the science need not show: fused kernels and several devices."""
