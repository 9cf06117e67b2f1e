; what Linux answers to calls that cannot be: the statuses are added up
global _start
section .text
_start:
    xor ebx, ebx
    mov eax, 1              ; write to a closed descriptor: -9
    mov edi, 77
    mov rsi, _start
    mov edx, 1
    syscall
    sub ebx, eax
    mov eax, 1              ; from a bad address: -14
    mov edi, 1
    mov esi, 16
    mov edx, 1
    syscall
    sub ebx, eax
    mov eax, 600            ; no such call: -38
    syscall
    sub ebx, eax
    mov eax, 11             ; munmap of half a page: -22
    mov edi, 0x401001
    mov esi, 10
    syscall
    sub ebx, eax
    mov edi, ebx
    mov eax, 60
    syscall
