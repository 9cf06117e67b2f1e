;: 3 4 8
; the average of the arguments in double precision, times ten
global _start
section .rodata
ten: dq 10.0
section .text
_start:
    mov rbx, [rsp]
    dec rbx
    jz .none
    pxor xmm0, xmm0
    lea r12, [rsp + 16]
    mov rcx, rbx
.next:
    mov rsi, [r12]
    movzx eax, byte [rsi]
    sub eax, '0'
    cvtsi2sd xmm1, eax
    addsd xmm0, xmm1
    add r12, 8
    loop .next
    cvtsi2sd xmm1, rbx
    divsd xmm0, xmm1
    mulsd xmm0, [rel ten]
    cvtsd2si rdi, xmm0
    mov eax, 60
    syscall
.none:
    mov edi, 255
    mov eax, 60
    syscall
