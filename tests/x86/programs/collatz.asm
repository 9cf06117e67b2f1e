; the longest Collatz sequence below 30, with its length as the status
global _start
section .text
_start:
    xor r14d, r14d
    mov r12d, 1
.start:
    mov eax, r12d
    mov r13d, 1
.step:
    cmp eax, 1
    je .ended
    inc r13d
    test al, 1
    jz .even
    lea eax, [rax + rax * 2 + 1]
    jmp .step
.even:
    shr eax, 1
    jmp .step
.ended:
    cmp r13d, r14d
    cmova r14d, r13d
    inc r12d
    cmp r12d, 30
    jb .start
    mov edi, r14d
    mov eax, 60
    syscall
