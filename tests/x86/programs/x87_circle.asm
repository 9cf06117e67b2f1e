; the area of a circle with x87: pi * 5 * 5, rounded
global _start
section .data
radius: dq 5.0
area: dd 0
section .text
_start:
    finit
    fld qword [radius]
    fmul st0, st0
    fldpi
    fmulp
    fistp dword [area]
    mov edi, [area]
    mov eax, 60
    syscall
