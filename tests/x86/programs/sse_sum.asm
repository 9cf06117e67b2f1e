; the sum of 16 floats, four at a time; printed as an integer status
global _start
section .data
align 16
values: dd 1.5, 2.5, 3.0, 4.0, 5.25, 6.75, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0
section .text
_start:
    xorps xmm0, xmm0
    mov ecx, 4
    mov rsi, values
.l: addps xmm0, [rsi]
    add rsi, 16
    loop .l
    haddps xmm0, xmm0
    haddps xmm0, xmm0
    cvttss2si edi, xmm0
    mov eax, 60
    syscall
