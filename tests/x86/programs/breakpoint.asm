section .text
global _start
_start:
    int3
