section .data
code: db 0xc3
section .text
global _start
_start:
    call code
