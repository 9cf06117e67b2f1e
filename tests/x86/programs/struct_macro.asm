; structures, local labels, %rep, times and conditional assembly
struc point
    .x: resd 1
    .y: resd 1
    .name: resb 8
endstruc
%macro add_point 2
    mov eax, [%1 + point.x]
    add [%2 + point.x], eax
    mov eax, [%1 + point.y]
    add [%2 + point.y], eax
%endmacro
section .data
a: istruc point
    at point.x, dd 3
    at point.y, dd 4
    at point.name, db "a"
iend
b: istruc point
    at point.x, dd 10
    at point.y, dd 20
    at point.name, db "b"
iend
section .text
global _start
_start:
%rep 3
    add_point a, b
%endrep
    mov edi, [b + point.x]
    imul edi, 4
    add edi, [b + point.y]
    add edi, point_size
    mov eax, 60
    syscall
