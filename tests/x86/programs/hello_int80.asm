section .data
    msg db "Hello from the old door", 0xa
    len equ $ - msg
section .text
    global _start
_start:
    mov edx, len
    mov ecx, msg
    mov ebx, 1
    mov eax, 4
    int 0x80
    mov eax, 1
    mov ebx, 42
    int 0x80
