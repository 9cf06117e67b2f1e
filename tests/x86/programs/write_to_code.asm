section .text
global _start
_start:
    mov byte [rel _start], 0x90
