section .text
global _start
_start:
    cli
