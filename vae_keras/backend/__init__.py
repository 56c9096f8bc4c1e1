"""Technical details of the models: Keras's interface, fused kernels, several devices."""
