;< 12 30
;< 58
; adds the numbers that it reads; the sum is the exit status
global _start
section .bss
c: resb 1
section .text
_start:
    xor ebx, ebx            ; the sum
    xor r12d, r12d          ; the number being read
.next:
    xor eax, eax
    xor edi, edi
    lea rsi, [rel c]
    mov edx, 1
    syscall
    test eax, eax
    jz .end
    movzx eax, byte [rel c]
    sub eax, '0'
    cmp eax, 9
    ja .separator
    imul r12d, r12d, 10
    add r12d, eax
    jmp .next
.separator:
    add ebx, r12d
    xor r12d, r12d
    jmp .next
.end:
    add ebx, r12d
    mov edi, ebx
    mov eax, 60
    syscall
