;: 1071 462
; Euclid's algorithm on two arguments; the answer is the status
global _start
section .text
_start:
    mov rsi, [rsp + 16]
    call number
    mov rbx, rax
    mov rsi, [rsp + 24]
    call number
.loop:
    test rax, rax
    jz .done
    xchg rax, rbx
    xor edx, edx
    div rbx
    mov rax, rdx
    jmp .loop
.done:
    mov rdi, rbx
    mov eax, 60
    syscall
number:
    xor eax, eax
.d: movzx ecx, byte [rsi]
    sub ecx, '0'
    jb .r
    lea rax, [rax + rax * 4]
    lea rax, [rcx + rax * 2]
    inc rsi
    jmp .d
.r: ret
