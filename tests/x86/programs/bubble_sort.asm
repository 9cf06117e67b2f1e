global _start
section .data
array: dd 170, 45, 75, 90, 802, 24, 2, 66, -5, 0
count equ ($ - array) / 4
section .bss
text: resb 16
section .text
_start:
    mov ecx, count - 1
.outer:
    xor esi, esi
    mov edx, ecx
.inner:
    mov eax, [array + rsi * 4]
    cmp eax, [array + rsi * 4 + 4]
    jle .keep
    xchg eax, [array + rsi * 4 + 4]
    mov [array + rsi * 4], eax
.keep:
    inc esi
    dec edx
    jnz .inner
    dec ecx
    jnz .outer
    xor r12d, r12d
.print:
    movsxd rax, dword [array + r12 * 4]
    mov rdi, text + 15
    mov byte [rdi], ' '
    mov r8, rax
    mov rbx, rax
    neg rbx
    cmovns rax, rbx
    mov ebx, 10
.digit:
    cqo
    idiv rbx
    add dl, '0'
    dec rdi
    mov [rdi], dl
    test rax, rax
    jnz .digit
    test r8, r8
    jns .out
    dec rdi
    mov byte [rdi], '-'
.out:
    mov rsi, rdi
    mov rdx, text + 16
    sub rdx, rdi
    mov eax, 1
    mov edi, 1
    syscall
    inc r12
    cmp r12, count
    jb .print
    mov eax, 60
    xor edi, edi
    syscall
