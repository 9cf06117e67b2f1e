"""The x86 machine: assembler, decoder, board, devices, and two CPUs behind one recorder."""
