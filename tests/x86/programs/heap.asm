; a bump allocator over brk, then an anonymous mapping
global _start
section .text
_start:
    mov eax, 12
    xor edi, edi
    syscall
    mov rbx, rax
    lea rdi, [rax + 10000]
    mov eax, 12
    syscall
    sub rax, rbx
    cmp rax, 10000
    jne .bad
    mov byte [rbx + 9999], 7
    mov eax, 9
    xor edi, edi
    mov esi, 100000
    mov edx, 3
    mov r10d, 0x22
    mov r8, -1
    xor r9d, r9d
    syscall
    test rax, rax
    js .bad
    mov r12, rax
    mov rdi, rax
    mov ecx, 100000 / 8
    mov rax, 0x0101010101010101
    rep stosq
    movzx edi, byte [r12 + 77777]
    add dil, [rbx + 9999]
    mov eax, 11
    push rdi
    mov rdi, r12
    mov esi, 100000
    syscall
    pop rdi
    add edi, eax
    mov eax, 60
    syscall
.bad:
    mov edi, 200
    mov eax, 60
    syscall
