"""The matrix unit (AMX) without a CPU that has it: a Linux guest in Bochs, see README.md."""
