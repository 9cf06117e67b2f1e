; code written into a page of its own: mmap, write, mprotect, call
global _start
section .text
_start:
    mov eax, 9
    xor edi, edi
    mov esi, 4096
    mov edx, 3
    mov r10d, 0x22
    mov r8, -1
    xor r9d, r9d
    syscall
    mov rbx, rax

    mov word [rbx], 0x2ab0          ; mov al, 42
    mov byte [rbx + 2], 0xc3        ; ret
    mov eax, 10
    mov rdi, rbx
    mov esi, 4096
    mov edx, 5
    syscall
    xor eax, eax
    call rbx
    mov edi, eax
    mov eax, 60
    syscall
