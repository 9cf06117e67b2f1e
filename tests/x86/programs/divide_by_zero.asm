global _start
section .text
_start:
    mov eax, 5
    cdq
    xor ecx, ecx
    idiv ecx
