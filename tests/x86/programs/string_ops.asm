; movs, stos, scas, cmps and lods with their prefixes, forwards and backwards
global _start
section .data
text: db "the quick brown fox", 0
section .bss
copy: resb 64
section .text
_start:
    mov rdi, text
    xor eax, eax
    mov rcx, -1
    repne scasb
    not rcx                 ; with the zero
    mov r12, rcx
    mov rsi, text
    mov rdi, copy
    rep movsb
    mov al, '.'
    mov ecx, 5
    dec rdi
    rep stosb
    mov byte [rdi], 10
    mov rsi, text
    mov rdi, copy
    mov rcx, r12
    repe cmpsb
    mov r13, rcx            ; what was left when they differed
    std
    lea rsi, [copy + 18]
    lea rdi, [copy + 40]
    mov ecx, 19
    rep movsb
    cld
    mov eax, 1
    mov edi, 1
    mov rsi, copy
    mov edx, 25
    syscall
    mov eax, 1
    mov edi, 1
    mov rsi, copy + 22
    mov edx, 19
    syscall
    mov rdi, r13
    mov eax, 60
    syscall
