"""The compiler and what it makes: plans of native kernels, run by one thread pool."""
