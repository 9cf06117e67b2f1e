;: 6 x 7
; a calculator: NUMBER (+ - x /) NUMBER
global _start
section .text
_start:
    cmp qword [rsp], 4
    jne .usage
    mov rdi, [rsp + 16]
    call atoi
    mov r12, rax
    mov rdi, [rsp + 32]
    call atoi
    mov rcx, rax
    mov rax, r12
    mov rdx, [rsp + 24]
    mov dl, [rdx]
    cmp dl, '+'
    je .add
    cmp dl, '-'
    je .sub
    cmp dl, 'x'
    je .mul
    cqo
    idiv rcx
    jmp .end
.add: add rax, rcx
    jmp .end
.sub: sub rax, rcx
    jmp .end
.mul: imul rax, rcx
.end:
    mov rdi, rax
    mov eax, 60
    syscall
.usage:
    mov edi, 64
    mov eax, 60
    syscall
atoi:
    xor eax, eax
    xor r8d, r8d
    cmp byte [rdi], '-'
    jne .d
    inc r8d
    inc rdi
.d: movzx esi, byte [rdi]
    inc rdi
    sub esi, '0'
    cmp esi, 9
    ja .r
    imul rax, 10
    add rax, rsi
    jmp .d
.r: test r8d, r8d
    jz .p
    neg rax
.p: ret
