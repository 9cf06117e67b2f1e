;: one "two words" three
; prints each argument after the program's name on a line of its own
global _start
section .text
_start:
    mov r12, [rsp]          ; argc
    lea r13, [rsp + 16]     ; argv[1]
    dec r12
.next:
    test r12, r12
    jz .done
    mov rdi, [r13]
    call strlen
    mov rdx, rax
    mov rsi, [r13]
    mov edi, 1
    mov eax, 1
    syscall
    mov eax, 1
    mov edi, 1
    mov rsi, newline
    mov edx, 1
    syscall
    add r13, 8
    dec r12
    jmp .next
.done:
    mov rdi, [rsp]          ; argc is the status
    mov eax, 60
    syscall
strlen:
    xor eax, eax
.l: cmp byte [rdi + rax], 0
    je .r
    inc rax
    jmp .l
.r: ret
section .data
newline: db 10
