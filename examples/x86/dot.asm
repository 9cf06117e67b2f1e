;@ title: SSE: four products at a time
;@ title.zh: SSE：一次算四个乘积
;@ about: The dot product of two arrays of eight numbers in two steps of four lanes; then the lanes are added together.
;@ about.zh: 两个各有八个数的数组，分两步、每步四个通道求点积；最后把各通道加起来。
;@ order: 103
;@ tick: 6
;@ option.mode: user64
;= rdi 0078

        global _start

        section .rodata
        align 16
a:      dd   1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0
b:      dd   8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0

        section .text
_start: xorps xmm0, xmm0        ; four sums, all 0
        xor  ecx, ecx
.next:  movaps xmm1, [a + rcx]  ; four numbers: the address must be a multiple of 16
        mulps xmm1, [b + rcx]   ; four products
        addps xmm0, xmm1
        add  ecx, 16
        cmp  ecx, 32
        jb   .next

        movaps xmm1, xmm0       ; now across: 0+2, 1+3
        movhlps xmm1, xmm0
        addps xmm0, xmm1
        movaps xmm1, xmm0       ; and 0+1
        shufps xmm1, xmm1, 1
        addss xmm0, xmm1
        cvtss2si edi, xmm0      ; 120, which is the exit status

        mov  eax, 60
        syscall
