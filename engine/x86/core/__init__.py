"""The x86 machine's C core: KVM and Unicorn backends behind one recorder (see core.h and exec.c)."""
