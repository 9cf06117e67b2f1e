; the first 90 Fibonacci numbers
global _start
section .text
_start:
    push rbx
    mov ecx, 90
    xor eax, eax
    xor ebx, ebx
    inc ebx
.print:
    push rax
    push rcx
    call show
    pop rcx
    pop rax
    mov rdx, rax
    mov rax, rbx
    add rbx, rdx
    dec ecx
    jnz .print
    pop rbx
    mov eax, 60
    xor edi, edi
    syscall
show:
    sub rsp, 40
    mov rsi, rsp
    add rsi, 32
    mov byte [rsi], 10
    mov r8, 10
.d: xor edx, edx
    div r8
    or dl, 0x30
    dec rsi
    mov [rsi], dl
    test rax, rax
    jnz .d
    lea rdx, [rsp + 33]
    sub rdx, rsi
    mov eax, 1
    mov edi, 1
    syscall
    add rsp, 40
    ret
