; integer SSE2, SSSE3 and SSE4.1: absolute differences, shuffles, min and max
global _start
section .rodata
align 16
a: db 1, 200, 3, 40, 5, 60, 7, 80, 9, 100, 11, 12, 130, 14, 15, 160
b: db 10, 20, 30, 4, 50, 6, 70, 8, 90, 10, 110, 120, 13, 140, 150, 16
order: db 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
section .text
_start:
    movdqa xmm0, [a]
    psadbw xmm0, [b]
    movhlps xmm1, xmm0
    paddd xmm0, xmm1
    movd ebx, xmm0
    movdqa xmm2, [a]
    pshufb xmm2, [order]
    pmaxsb xmm2, [b]
    pextrb eax, xmm2, 3
    add ebx, eax
    pminud xmm2, [a]
    pmovmskb ecx, xmm2
    popcnt ecx, ecx
    add ebx, ecx
    mov edi, ebx
    mov eax, 60
    syscall
