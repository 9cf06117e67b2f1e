; skips argv, then finds the end of envp and the auxiliary vector: AT_PAGESZ is the answer
global _start
section .text
_start:
    mov rcx, [rsp]
    lea rsi, [rsp + 8 + rcx * 8 + 8]
.env:
    lodsq
    test rax, rax
    jnz .env
.aux:
    lodsq
    mov rbx, rax
    lodsq
    test rbx, rbx
    jz .none
    cmp rbx, 6
    jne .aux
    shr rax, 10             ; 4096 / 1024
    mov edi, eax
    mov eax, 60
    syscall
.none:
    mov edi, 99
    mov eax, 60
    syscall
