; recursive, with stack frames; 10! mod 251
global _start
section .text
_start:
    mov edi, 10
    call factorial
    xor edx, edx
    mov ecx, 251
    div rcx
    mov edi, edx
    mov eax, 60
    syscall
factorial:
    push rbp
    mov rbp, rsp
    sub rsp, 16
    mov [rbp - 8], rdi
    cmp rdi, 1
    jbe .one
    dec rdi
    call factorial
    imul rax, [rbp - 8]
    leave
    ret
.one:
    mov eax, 1
    leave
    ret
